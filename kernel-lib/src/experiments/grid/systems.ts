import { findLoss } from "../../losses/losses";
import { needsLabels } from "../../losses/retriever-loss";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import type { SystemName } from "../with-system";

/** One column of the grid: a system as it is, or with one thing changed. */
export interface GridSystem {
  /** On the command line. */
  readonly name: string;
  /** How its predictions name it; the notebooks' name, so that they are the same artifacts. */
  readonly label: string;
  readonly system: SystemName;
  /** What is changed in stage 2; `variant` names it in stage ids. */
  readonly variant: string;
  readonly training: Partial<RetrieverStageOptions>;
  readonly fusion?: "logits";
  readonly candidates?: "random";
  /** "labelled": only tasks whose every question has labels, because its loss contrasts labels. */
  readonly tasks?: "labelled";
}

const DEFAULT = { variant: "default", training: {} } as const;

function plain(system: SystemName): GridSystem {
  return { name: system, label: system, system, ...DEFAULT };
}

function trained(name: string, training: Partial<RetrieverStageOptions>): GridSystem {
  const label = name.replaceAll("-", " ");
  const contrasts = needsLabels(findLoss("grid", training.loss ?? "contrastive"));
  return { name, label, system: "jomed", variant: name, training, ...(contrasts ? { tasks: "labelled" } : {}) };
}

/** Every system of the grid: from plain to full, then one thing changed at a time. */
export const GRID_SYSTEMS: readonly GridSystem[] = [
  plain("closed-book"),
  plain("ft-rag"),
  plain("text-head"),
  plain("image-head"),
  plain("jomed"),
  { name: "random-pairs", label: "random pairs", system: "ft-rag", candidates: "random", ...DEFAULT },
  { name: "logits", label: "logits", system: "jomed", fusion: "logits", ...DEFAULT },
  trained("no-prior", { prior: "off" }),
  trained("learned-only", { learnedWeight: 1 }),
  trained("perplexity-distillation", { loss: "perplexityDistillation" }),
  trained("emdr2", { loss: "emdr2" }),
  trained("leave-one-out", { loss: "leaveOneOut" }),
  trained("attention-distillation", { loss: "attentionDistillation" }),
  trained("reveal", { loss: "reveal" }),
];

/** The system of this name; the caller has checked it. */
export function gridSystem(name: string): GridSystem {
  return GRID_SYSTEMS.find((system) => system.name === name)!;
}
