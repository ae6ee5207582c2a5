import { assertOneOf } from "../base/check";
import type { Prediction, Split, Task } from "../base/types";
import type { Run } from "./run";
import type { Index } from "./stages/corpus-index";
import { type PredictOptions, predict } from "./stages/predictions";
import type { TunedReader } from "./stages/reader";
import { type EvaluateResult, evaluate } from "./stages/results";
import { type TunedHeads, tuneRetriever } from "./stages/retriever";

/**
 * What is changed against the full system, one thing at a time:
 * - `no image head`, `no heads`: parts left out;
 * - `no prior`, `perplexity distillation`: another target of stage 2;
 * - `learned only`: the towers trained and used without the frozen share;
 * - `logits`: the reference code's fusion.
 */
export const ABLATIONS = [
  "no image head",
  "no heads",
  "no prior",
  "perplexity distillation",
  "learned only",
  "logits",
] as const;
export type Ablation = (typeof ABLATIONS)[number];

export interface AblateOptions {
  readonly task: Task;
  readonly index: Index;
  readonly reader: TunedReader;
  /** The full system's heads. Default: trained or found. */
  readonly heads?: TunedHeads;
  /** Default all. */
  readonly variants?: readonly Ablation[];
  /** Default "test". */
  readonly split?: Split;
}

/** Every variant's answers and its difference to the full system, "jomed". */
export interface AblateResult extends EvaluateResult {
  readonly predictions: readonly Prediction[];
}

/**
 * Answers a split with the full system and with one thing changed at a time, and takes paired differences to the full one.
 *
 * Paper: arXiv 2508.17394v3, ablations.
 *
 * @returns `differences`: variant minus full system, with paired intervals; `rows`: each on its own.
 * @throws ConfigError on an unknown variant; otherwise what tuneRetriever and predict throw.
 */
export async function ablate(run: Run, options: AblateOptions): Promise<AblateResult> {
  const { task, index, reader, variants = ABLATIONS, split = "test" } = options;
  for (const variant of variants) assertOneOf("ablate: variants", variant, ABLATIONS);
  const heads = options.heads ?? (await tuneRetriever(run, { task, index, reader }));
  const shared = { task, index, reader, split };
  const answers = [...(await predict(run, { ...shared, system: "jomed", heads })).predictions];
  for (const variant of variants) {
    const changed = await variantOf(run, variant, { ...options, heads });
    answers.push(...(await predict(run, { ...shared, heads, ...changed, name: variant })).predictions);
  }
  const evaluation = await evaluate(run, { task, predictions: answers, baseline: "jomed" });
  return { ...evaluation, predictions: answers };
}

type Change = Pick<PredictOptions, "system"> & Partial<Pick<PredictOptions, "heads" | "fusion">>;

async function variantOf(run: Run, variant: Ablation, options: AblateOptions): Promise<Change> {
  const { task, index, reader } = options;
  const retrain = async (change: Partial<Parameters<typeof tuneRetriever>[1]>): Promise<Change> => {
    return { system: "jomed", heads: await tuneRetriever(run, { task, index, reader, ...change }) };
  };
  const changes: Readonly<Record<Ablation, () => Promise<Change>>> = {
    "no image head": async () => ({ system: "text-head" }),
    "no heads": async () => ({ system: "ft-rag" }),
    "no prior": () => retrain({ options: { prior: "off" } }),
    "perplexity distillation": () => retrain({ loss: "perplexityDistillation" }),
    "learned only": () => retrain({ options: { learnedWeight: 1 } }),
    logits: async () => ({ system: "jomed", fusion: "logits" }),
  };
  return changes[variant]();
}
