import { formOf } from "../answers/forms";
import { assertOneOf } from "../base/check";
import type { AnswerForm } from "../base/types";
import { findLoss } from "../losses/losses";
import { needsLabels } from "../losses/retriever-loss";
import type { RetrieverStageOptions } from "../training/retriever-options";
import { CAPTION_VOTE } from "./caption-vote";
import { GSCO_LIKE } from "./gsco-like";
import { type JointOptions, jointSystem } from "./joint";
import { MEDICAL_ENCODER, MEDICAL_READER } from "./medically-trained";
import { MMED_RAG_LIKE } from "./mmed-rag-like";
import { RAD_LIKE } from "./rad-like";
import { SERVED_SYSTEMS } from "./served";
import type { SystemDefinition, SystemNeeds } from "./system";

/** A fine-tuned reader, asked without a passage. */
const CLOSED_BOOK: SystemNeeds = { reader: "closedBook", retriever: null };
/** A fine-tuned reader over the frozen retriever's passages. */
const FROZEN: SystemNeeds = { reader: "retrieval", retriever: [] };
/** A fine-tuned reader over the passages of one learned head and one frozen. */
const TEXT_HEAD: SystemNeeds = { reader: "retrieval", retriever: ["text"] };
const IMAGE_HEAD: SystemNeeds = { reader: "retrieval", retriever: ["image"] };
/** A fine-tuned reader over the passages of both learned heads. */
const BOTH_HEADS: SystemNeeds = { reader: "retrieval", retriever: ["text", "image"] };

/** JOMED with another stage 2: one thing changed in how the heads are trained. It answers what its loss can be trained on. */
function retrained(name: string, training: Partial<RetrieverStageOptions>, ablates?: string): SystemDefinition {
  return {
    ...{ name, label: name.replaceAll("-", " "), kind: "ablation", needs: BOTH_HEADS, training },
    ...(ablates === undefined ? {} : { ablates }),
    ...refusalOf(training.loss ?? "contrastive"),
  };
}

/** A system whose reader and retriever are trained together with a loss. It answers what that loss can be trained on. */
function joint(name: string, label: string, options: JointOptions): SystemDefinition {
  return { ...jointSystem(name, label, options), ...refusalOf(options.loss) };
}

function refusalOf(loss: string): Pick<SystemDefinition, "refuses"> {
  return needsLabels(findLoss("systems", loss)) ? { refuses: withoutLabels } : {};
}

/** Of a loss that compares what the reader thinks of the true label with what it thinks of the others. */
function withoutLabels(forms: readonly AnswerForm[]): string | null {
  const labelled = forms.every((form) => formOf(form).judge !== null);
  return labelled ? null : "its loss contrasts labels, and some of the questions have not exactly one";
}

/**
 * Every system, once, in the order of tables and figures: from plain to full, then those of others, then the controls, then JOMED with one thing changed at a
 * time. Whatever names systems asks this table.
 *
 * Paper: arXiv 2508.17394v3: "FT RAG" is its baseline, one learned head after the other its way from there to JOMED, perplexity
 * distillation its other loss. Logits are how the reference code fuses. The further losses are those of ATLAS and REVEAL.
 */
export const SYSTEMS: readonly SystemDefinition[] = [
  { name: "closed-book", label: "Closed-book", kind: "system", color: "#767676", needs: CLOSED_BOOK },
  { name: "ft-rag", label: "FT RAG", kind: "system", color: "#c77f00", needs: FROZEN, ablates: "no heads" },
  {
    ...{ name: "text-head", label: "+ text head", kind: "system", color: "#3d9bd1", needs: TEXT_HEAD },
    ablates: "no image head",
  },
  { name: "image-head", label: "+ image head", kind: "system", color: "#7d5fb2", needs: IMAGE_HEAD },
  { name: "jomed", label: "JOMED", kind: "system", color: "#005b96", needs: BOTH_HEADS },
  RAD_LIKE,
  joint("atlas-like", "ATLAS-like", { loss: "perplexityDistillation" }),
  joint("atlas-like-emdr2", "ATLAS-like, EMDR2", { loss: "emdr2" }),
  joint("atlas-like-leave-one-out", "ATLAS-like, leave-one-out", { loss: "leaveOneOut" }),
  joint("atlas-like-attention", "ATLAS-like, attention", { loss: "attentionDistillation" }),
  joint("reveal-like", "REVEAL-like", { loss: "reveal", fusion: "logits" }),
  MMED_RAG_LIKE,
  GSCO_LIKE,
  MEDICAL_READER,
  MEDICAL_ENCODER,
  ...SERVED_SYSTEMS,
  CAPTION_VOTE,
  {
    ...{ name: "random-pairs", label: "random among the ten best", kind: "control", needs: FROZEN },
    settings: { candidates: "random" },
  },
  {
    ...{ name: "corpus-pairs", label: "random pairs of the corpus", kind: "control", needs: FROZEN },
    settings: { candidates: "corpus" },
  },
  {
    ...{ name: "logits", label: "logits", kind: "ablation", needs: BOTH_HEADS, settings: { fusion: "logits" } },
    ablates: "logits",
  },
  retrained("no-prior", { prior: "off" }, "no prior"),
  retrained("half-learned", { learnedWeight: 0.5 }, "half learned"),
  retrained("learned-only", { learnedWeight: 1 }, "learned only"),
  retrained("perplexity-distillation", { loss: "perplexityDistillation" }, "perplexity distillation"),
  retrained("emdr2", { loss: "emdr2" }),
  retrained("leave-one-out", { loss: "leaveOneOut" }),
  retrained("attention-distillation", { loss: "attentionDistillation" }),
  retrained("reveal", { loss: "reveal" }),
  // the reader is asked how likely the answer's words are, as of an open question, instead of how it ranks the labels
  retrained("open-form", { preference: "tokens" }),
];

/** The full system: what the others are less than. */
export const FULL_SYSTEM = "jomed";
/** What the full system is compared with, where nothing else is named. */
export const BASELINE_SYSTEM = "ft-rag";

/**
 * Names of systems, in the table's order.
 *
 * @param kind of which kind. Default all.
 * @example systemNames("system")   // ["closed-book", "ft-rag", "text-head", "image-head", "jomed"]
 */
export function systemNames(kind?: SystemDefinition["kind"]): string[] {
  return SYSTEMS.filter((system) => kind === undefined || system.kind === kind).map(({ name }) => name);
}

/**
 * The system of this name, or the definition itself where one is given: a system from outside the table.
 *
 * @param where who asks, for the error.
 * @throws ConfigError on a name that is not in the table; the message lists those that are.
 */
export function systemOf(where: string, system: string | SystemDefinition): SystemDefinition {
  if (typeof system !== "string") return system;
  assertOneOf(where, system, systemNames());
  return SYSTEMS.find(({ name }) => name === system)!;
}

/** How a system's predictions name it unless told otherwise: the paper's own by their name, all others by their label. */
export function predictionName({ kind, name, label }: SystemDefinition): string {
  return kind === "system" ? name : label;
}

/** What is changed in stage 2 for a system, as stage ids name it: "default" for nothing, else the system's name. */
export function trainingVariant({ name, training }: SystemDefinition): string {
  return training === undefined ? "default" : name;
}

/** The rows of the ablation table: whatever says what it takes from the full system. */
export function ablations(): (SystemDefinition & { readonly ablates: string })[] {
  return SYSTEMS.flatMap((system) => (system.ablates === undefined ? [] : [{ ...system, ablates: system.ablates }]));
}
