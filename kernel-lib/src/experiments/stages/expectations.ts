import { measureExpectations } from "../../analysis/expectations";
import type { Measurement } from "../../analysis/measurement";
import type { PictureFacts } from "../../phantoms/phantom";
import { readJson, writeJson } from "../../store/files";
import { SHARED_SEED } from "../open-task";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import type { Index } from "./corpus-index";
import { type StageOf, useStage } from "./stage";

const VERSION = 1;
const FILE = "expectations.json";

/** What is asked about an indexed task. */
interface ExpectInputs {
  readonly index: Index;
  /** What is known of the pictures besides their labels. Default nothing. */
  readonly facts?: PictureFacts | null;
}

/**
 * What can be expected of an indexed task before anything is trained, kept: measureExpectations, with as many passages of a head as
 * the run's systems read.
 *
 * @throws as measureExpectations does.
 */
export function expect(run: Run, inputs: ExpectInputs): Promise<readonly Measurement[]> {
  return useStage(run, expectationsStage(run, inputs));
}

function expectationsStage(run: Run, { index, facts = null }: ExpectInputs): StageOf<readonly Measurement[]> {
  const { numPerHead, numDraws } = profileOf(run.profile);
  return {
    name: "expectations",
    version: VERSION,
    config: { numPerHead, numDraws, facts: facts !== null }, // which facts the task's fingerprint decides
    inputs: [index.artifact],
    seed: SHARED_SEED,
    compute: async (workDir) => {
      const options = { numPerHead, bootstrap: { numDraws }, ...(facts === null ? {} : { facts }) };
      writeJson(workDir, FILE, await measureExpectations(index, options));
    },
    open: async ({ folder }) => readJson<readonly Measurement[]>(folder, FILE),
  };
}
