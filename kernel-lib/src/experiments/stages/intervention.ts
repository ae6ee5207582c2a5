import { measureIntervention } from "../../analysis/intervention";
import type { Measurement } from "../../analysis/measurement";
import { readJson, writeJson } from "../../store/files";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { frozenPassages, type Index } from "./corpus-index";
import type { TunedReader } from "./reader";
import { type Input, opened, type StageOf, useStage } from "./stage";

const VERSION = 1;
const FILE = "intervention.json";

/** What is asked of one reader. */
export interface InterveneOptions {
  readonly index: Index;
  /** Tuned with retrieval. */
  readonly reader: TunedReader;
  /** Test questions. Default 200. */
  readonly numQuestions?: number;
}

/**
 * What a fine-tuned reader does with a pair, on test questions and kept: measureIntervention. "Retrieved" is the frozen image head's best pair.
 *
 * @throws as measureIntervention does.
 * @example kernel.showTable(kernel.frames.results(await kernel.intervene(run, { index, reader })))
 */
export function intervene(run: Run, options: InterveneOptions): Promise<readonly Measurement[]> {
  const { index, reader, numQuestions = 200 } = options;
  return useStage(run, interventionStage(run, { index: opened(index), reader: opened(reader), numQuestions }));
}

interface InterventionStageInputs {
  readonly index: Input<Index>;
  readonly reader: Input<TunedReader>;
  readonly numQuestions: number;
}

function interventionStage(run: Run, { index, reader, numQuestions }: InterventionStageInputs) {
  const { numDraws } = profileOf(run.profile);
  return {
    name: "intervention",
    version: VERSION,
    config: { numQuestions, numDraws },
    inputs: [index, reader],
    compute: async (workDir, { seed, control }) => {
      const [searched, tuned] = [await index.open(), await reader.open()];
      const { task, corpus } = searched;
      const best = await frozenPassages(searched, "test", 1);
      const lists = task.splits.test.map(({ id }, query) => ({
        exampleId: id,
        hits: best[query]!.slice(0, 1).map(
          (passage) => ({ passageId: passage.id, head: "image", score: 0, rank: 0 }) as const,
        ),
      }));
      const options = { numQuestions, seed, control, bootstrap: { numDraws } };
      writeJson(workDir, FILE, await measureIntervention({ task, corpus, reader: tuned.reader, lists }, options));
    },
    open: async ({ folder }) => readJson<readonly Measurement[]>(folder, FILE),
  } satisfies StageOf<readonly Measurement[]>;
}
