import { CASEBOOK_VARIANTS, type CasebookSizes } from "../../src/phantoms/casebook/dials";
import { casebookName } from "../../src/phantoms/casebook/names";
import { TASK_NAMES } from "../../src/phantoms/load-task";

/** The notebooks' own task, of fewer pictures and pairs: what they show is tested, not what they find. */
const OF_NOTEBOOKS: Partial<CasebookSizes> = { train: 120, validation: 40, test: 80, pairs: 400 };

/** Settings of a notebook at the size of tests. */
export const SMALL_PARAMETERS = {
  profile: "test",
  source: "phantom",
  taskName: casebookName("casebook", { sizes: OF_NOTEBOOKS }),
};

/** A thousand pictures tell as much as the seven thousand of a whole casebook, which may lie in a file each. */
const OF_TASKS: Partial<CasebookSizes> = { train: 600, validation: 100, test: 300 };

/** All tasks, the casebooks with a thousand pictures. */
export const SMALL_TASKS: readonly string[] = TASK_NAMES.map((name) => {
  const variant = CASEBOOK_VARIANTS.find((each) => each === name);
  return variant === undefined ? name : casebookName(variant, { sizes: OF_TASKS });
});
