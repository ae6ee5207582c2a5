import { measureIntervention } from "../../analysis/intervention";
import type { Measurement } from "../../analysis/measurement";
import type { Split } from "../../base/types";
import { evenly } from "../../data/by-id";
import { readJson, writeJson } from "../../store/files";
import { openSystem } from "../../systems/reading";
import { NUM_DRAWN_FROM } from "../../systems/retrieval";
import { FULL_SYSTEM, systemOf } from "../../systems/systems";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { frozenPassages, type Index } from "./corpus-index";
import { openParts, type PredictionInputs, type Predictions } from "./predictions";
import type { TunedReader } from "./reader";
import type { TunedHeads } from "./retriever";
import { type Input, opened, type StageOf, useStage } from "./stage";

// What a fine-tuned reader is asked beyond a system's answers: the same questions with other pairs, and with more of them.

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

// ---- more candidates than a system reads -------------------------------------------------------------------------------

const CANDIDATES_VERSION = 1;
const CANDIDATES_FILE = "candidates.json";

/** What is asked of one reader and retriever. */
export interface ReadCandidatesOptions extends InterveneOptions {
  /** Both, trained. */
  readonly heads: TunedHeads;
  /** Passages of each head. Default 10. */
  readonly numPerHead?: number;
}

/** JOMED's answers with more passages than it reads, of the questions to measure on and of as many training questions. */
export interface CandidateReadings {
  readonly test: Predictions;
  readonly train: Predictions;
}

/**
 * JOMED with a long list: reads `numPerHead` passages of each head for some test questions and as many training questions, and keeps every
 * reading. measureCandidates cuts them to shorter lists and learns a reranker on the training questions.
 *
 * @throws InterruptedError on abort.
 * @example const { test, train } = await kernel.readCandidates(run, { index, reader, heads })
 */
export function readCandidates(run: Run, options: ReadCandidatesOptions): Promise<CandidateReadings> {
  const { index, reader, heads, numQuestions = 200, numPerHead = NUM_DRAWN_FROM } = options;
  const system = systemOf("readCandidates", FULL_SYSTEM);
  const tuned = Object.entries(heads.heads).map(([head, trained]) => [head, opened(trained)]);
  const inputs: PredictionInputs = {
    ...{ system, task: index.task, reader: opened(reader), index: opened(index) },
    ...{ heads: Object.fromEntries(tuned), learnedWeight: heads.learnedWeight },
  };
  return useStage(run, candidatesStage(run, inputs, { numQuestions, numPerHead }));
}

interface CandidateSettings {
  readonly numQuestions: number;
  readonly numPerHead: number;
}

function candidatesStage(run: Run, inputs: PredictionInputs, settings: CandidateSettings) {
  const { reader, index, heads, task, learnedWeight } = inputs;
  return {
    name: "candidates",
    version: CANDIDATES_VERSION,
    config: { ...settings, learnedWeight: learnedWeight! },
    inputs: [reader!, index!, ...Object.values(heads)],
    compute: async (workDir, { seed, control }) => {
      const parts = { ...(await openParts(run, inputs, seed)), numPerHead: settings.numPerHead };
      const system = await openSystem(inputs.system, parts);
      try {
        const read = (split: Split) => system.answer(evenly(task.splits[split], settings.numQuestions), control);
        writeJson(workDir, CANDIDATES_FILE, { test: await read("test"), train: await read("train") });
      } finally {
        system.dispose();
      }
    },
    open: async ({ folder }) => readJson<CandidateReadings>(folder, CANDIDATES_FILE),
  } satisfies StageOf<CandidateReadings>;
}
