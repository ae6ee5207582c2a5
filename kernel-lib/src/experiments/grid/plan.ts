import type { Control } from "../../base/types";
import { type Estimate, openEstimates } from "./estimates";
import { openSession } from "./locate";
import { type GridOptions, type GridSettings, resolveGrid } from "./options";
import { type GridCell, type GridStage, type LeftOut, listStages } from "./stages";
import { type GridWorld, openWorld } from "./world";

/** A stage with what is known of it before anything is computed. */
export interface PlannedStage extends GridStage {
  /** Name of its artifact; null where it is not known yet (see openSession). */
  readonly key: string | null;
  readonly state: "there" | "missing";
  /** How long it takes, or took; null where nobody has measured it. */
  readonly seconds: number | null;
  readonly estimate: Estimate["from"];
}

/** A grid of experiments as plain data. */
export interface GridPlan {
  readonly settings: GridSettings;
  readonly cells: readonly GridCell[];
  readonly leftOut: readonly LeftOut[];
  readonly stages: readonly PlannedStage[];
}

/** Beside the options: what is replaced in tests, and how to stop. */
export interface PlanContext {
  readonly world?: GridWorld;
  readonly control?: Control;
}

/**
 * Plans a grid: which system on which task with which reader and seed, the stages all of them need, each once, what of it is there
 * and how long the rest should take. Reads what is there; draws, computes and writes nothing.
 *
 * @throws ConfigError on an unknown option or name.
 * @example const plan = await planGrid({ profile: "quick", tasks: ["breast-mnist"] })
 */
export async function planGrid(options: GridOptions = {}, context: PlanContext = {}): Promise<GridPlan> {
  const settings = resolveGrid(options);
  const { cells, leftOut, stages } = listStages(settings);
  const { world = openWorld(settings), control = {} } = context;
  const session = await openSession(settings, stages, { world, control: quietly(control), how: "look" });
  const estimateOf = await openEstimates(settings.artifactsDir, settings.profile);
  try {
    const planned: PlannedStage[] = [];
    for (const stage of stages) {
      const place = await session.placeOf(stage);
      const state = place !== null && (await session.isThere(place, "look")) ? "there" : "missing";
      const { seconds, from } = estimateOf(stage, place);
      planned.push({ ...stage, key: place?.key ?? null, state, seconds, estimate: from });
    }
    return { settings, cells, leftOut, stages: planned };
  } finally {
    session.dispose();
  }
}

/** Only the signal: what there is to warn of is said by the run. */
function quietly({ signal }: Control): Control {
  return signal === undefined ? {} : { signal };
}
