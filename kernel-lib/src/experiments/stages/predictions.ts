import { assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { AnswerForm, Control, Example, Head, Prediction, Split, Task } from "../../base/types";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import { answerExamples, answerInWords, answerLabelSets } from "../../systems/answer";
import type { Fusion, System } from "../../systems/system";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { LEARNED_HEADS, SYSTEM_NAMES, type SystemName, type SystemSettings, withSystem } from "../with-system";
import type { Index } from "./corpus-index";
import { requireIndexOf, type TunedReader } from "./reader";
import type { TunedHead, TunedHeads } from "./retriever";
import { type Artifact, type Input, opened, type StageOf, useStage } from "./stage";
import { readJson, writeJson } from "./stage-files";

/** The answers of one or several systems to examples of any form. */
export type Predictions = readonly Prediction[];

const FILE = "predictions.json";

/** The answers that a predictions artifact holds. */
export function readPredictions(folder: string): Predictions {
  return readJson<Predictions>(folder, FILE);
}

export interface PredictOptions {
  readonly system: SystemName;
  readonly task: Task;
  /** Tuned "closedBook" for closed-book, else "retrieval". */
  readonly reader: TunedReader;
  /** Needed by every system but closed-book. */
  readonly index?: Index;
  /** Needed by text-head and jomed. */
  readonly heads?: TunedHeads;
  /** Default "test". */
  readonly split?: Split;
  /** Default "probabilities" (paper); "logits" is the reference code's. */
  readonly fusion?: Fusion;
  /** Passages per head. Default the profile's (2). */
  readonly numPerHead?: number;
  /** Share of the learned towers. Default the one the heads were trained with. */
  readonly learnedWeight?: number;
  /** "best": those of highest score. "random": as many drawn at random among the ten best of each head, a control. Default "best". */
  readonly candidates?: "best" | "random";
  /** How the predictions name their system, e.g. in an ablation. Default `system`. */
  readonly name?: string;
}

/** Answers with every reading behind them, and where they are kept. */
export interface PredictResult {
  readonly predictions: Predictions;
  readonly artifact: Artifact;
}

const VERSION = 2;

/**
 * Answers a split with a system and stores predictions, readings and retrieved lists: no figure needs a model again.
 *
 * Paper: arXiv 2508.17394v3, inference. Found again when nothing changed.
 *
 * @throws ConfigError when the system lacks its index, reader or heads.
 * @example const { predictions } = await predict(run, { system: "jomed", task, index, reader, heads })
 */
export async function predict(run: Run, options: PredictOptions): Promise<PredictResult> {
  const { system, split = "test", fusion = "probabilities", candidates = "best" } = options;
  assertOneOf("predict: system", system, SYSTEM_NAMES);
  assertOneOf("predict: split", split, ["train", "validation", "test"]);
  assertOneOf("predict: fusion", fusion, ["probabilities", "logits"]);
  assertOneOf("predict: candidates", candidates, ["best", "random"]);
  checkParts(options);
  const { reader, index, heads, learnedWeight = heads?.learnedWeight, ...others } = options;
  const tuned = LEARNED_HEADS[system].map((head) => [head, opened(heads!.heads[head]!)]);
  return useStage(
    run,
    predictionsStage(run, {
      ...others,
      ...(learnedWeight === undefined ? {} : { learnedWeight }),
      reader: opened(reader),
      index: system === "closed-book" ? null : opened(index!),
      heads: Object.fromEntries(tuned),
    }),
  );
}

/** What answers are made of: the options of `predict`, with what they are made from named by keys. */
export interface PredictionInputs extends Omit<PredictOptions, "reader" | "index" | "heads"> {
  readonly reader: Input<TunedReader>;
  /** Null closed-book. */
  readonly index: Input<Index> | null;
  /** Those that the system has learned. */
  readonly heads: Readonly<Partial<Record<Head, Input<TunedHead>>>>;
}

/** The stage of `predict`. */
export function predictionsStage(run: Run, inputs: PredictionInputs): StageOf<PredictResult> {
  const { system, task, split = "test", name = system, reader, index } = inputs;
  const heads = LEARNED_HEADS[system].map((head) => inputs.heads[head]!);
  const settings: SystemSettings = {
    candidates: inputs.candidates ?? "best",
    numPerHead: inputs.numPerHead ?? profileOf(run.profile).numPerHead,
    learnedWeight: inputs.learnedWeight ?? PAPER_LEARNED_WEIGHT,
    fusion: inputs.fusion ?? "probabilities",
  };
  return {
    name: "predictions",
    version: VERSION,
    config: system === "closed-book" ? { system, name, split } : { system, name, split, ...settings },
    inputs: [task.fingerprint, reader, ...(index === null ? [] : [index]), ...heads],
    compute: async (workDir, { control }) => {
      const tuned = await Promise.all(heads.map((head) => head.open()));
      const parts = {
        system,
        reader: await reader.open(),
        ...(index === null ? {} : { index: await index.open() }),
        heads: Object.fromEntries(tuned.map((head) => [head.head, head])),
      };
      const answers = await withSystem(run, parts, settings, (built) =>
        answerAll({ ...built, name }, task, task.splits[split], control),
      );
      writeJson(workDir, FILE, answers);
    },
    open: async (artifact) => ({ predictions: readPredictions(artifact.folder), artifact }),
  };
}

async function answerAll(
  system: System,
  { labels }: Task,
  examples: readonly Example[],
  control: Control,
): Promise<Predictions> {
  const of = (wanted: AnswerForm) => examples.filter(({ form = "label" }) => form === wanted);
  return [
    ...(await answerExamples(system, labels, of("label"), control)),
    ...(await answerLabelSets(system, labels, of("labels"), control)),
    ...(await answerInWords(system, of("words"), control)),
  ];
}

function checkParts({ system, task, index, reader, heads }: PredictOptions): void {
  const mode = system === "closed-book" ? "closedBook" : "retrieval";
  if (reader.mode !== mode) {
    throw new ConfigError(
      `predict: reader of ${system} must be tuned with mode "${mode}"; got "${reader.mode}". Call tuneReader(run, { task, ${mode === "retrieval" ? "index" : 'mode: "closedBook"'} }).`,
      { system, mode: reader.mode },
    );
  }
  if (system !== "closed-book") requireIndexOf("predict", task, index);
  const missing = LEARNED_HEADS[system].filter((head) => heads?.heads[head] === undefined);
  if (missing.length === 0) return;
  throw new ConfigError(
    `predict: heads of ${system} must hold the trained ${LEARNED_HEADS[system].join(" and ")} head; ${missing.join(" and ")} is missing. Call tuneRetriever(run, { task, index, reader }).`,
    { system, missing },
  );
}
