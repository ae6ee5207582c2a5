import { PICKS } from "./oracle";

// What the paper claims, each as a statement that could come out the other way. The rule of each verdict stands here, was written before the
// runs it judges, and is the same for all: a claim names an effect and where it has to lie; its 95 % interval decides (findings.ts).

/** A number of a results table: a value of a system, or its paired difference to another. */
export interface EffectQuery {
  /** As predictions name it. */
  readonly system: string;
  /** Default none: a value of its own. */
  readonly baseline?: string;
  /** Default "all". Subsets of questions are those under FT RAG, for every system. */
  readonly subset?: string;
  /** Default being right: accuracy, exact match or closed accuracy, as the task has it. */
  readonly metric?: string;
}

/** Where an effect has to lie, in shares of 1: above one value, below another, or between the two. */
export interface ClaimedRange {
  readonly above?: number;
  readonly below?: number;
}

/** One claim of the paper. */
export interface Claim {
  /** Lower-case words joined by "-". */
  readonly name: string;
  /** The statement. */
  readonly says: string;
  /** Part of the paper. */
  readonly part: "results" | "ablations" | "inconsistency" | "oracle" | "data" | "method";
  /** When statement and rule were written. */
  readonly since: string;
  /** Of several, each has to lie where it is claimed to. */
  readonly effects: readonly EffectQuery[];
  readonly claimed: ClaimedRange;
  /** The smallest distance from the end of the range that would matter: a null is one only where this much would have shown. */
  readonly worth: number;
  /** The report of data/protocol.json that the verdict is taken from; the others say where else it holds. */
  readonly report: "casebook" | "comparators" | "losses" | "open-form";
}

const FT_RAG = "ft-rag";
const FULL = "jomed";
/** Names of ablations and controls in predictions are their labels. */
const PDIST = "perplexity distillation";
const NO_PRIOR = "no prior";
const RE_RANKED = "random among the ten best";

/** Two points: the least that the paper calls a gain. */
const WORTH = 0.02;
/** So far above is "far above", and no further below is "close". */
const FAR = 0.05;

const GAIN = { since: "2026-11-30", claimed: { above: 0 }, worth: WORTH, report: "casebook" } as const;

/** A difference of two systems that the paper claims to be a gain. */
function gain(
  name: string,
  says: string,
  [system, baseline]: readonly [string, string],
  more: Partial<Claim> = {},
): Claim {
  return { name, says, part: "results", ...GAIN, effects: [{ system, baseline }], ...more };
}

/** Measured beside the casebook's systems, on the same questions. */
const BESIDE: Partial<Claim> = { report: "comparators" };
const AMONG_INCONSISTENT: Partial<Claim> = { part: "inconsistency" };
const inconsistent = (system: string, baseline: string): Partial<Claim> => ({
  ...AMONG_INCONSISTENT,
  effects: [{ system, baseline, subset: "inconsistent" }],
});

/** Every claim, in the order of the board. */
export const CLAIMS: readonly Claim[] = [
  gain("rag-over-closed-book", "Fine-tuning with retrieval beats fine-tuning without", [FT_RAG, "closed-book"]),
  gain("text-head", "A learned text head beats FT RAG", ["text-head", FT_RAG], { part: "ablations" }),
  gain("image-head-on-top", "The image head adds to the text head", [FULL, "text-head"], {
    part: "ablations",
    worth: 0.01,
  }),
  gain("both-heads", "Both heads beat either alone", [FULL, "text-head"], {
    ...{ part: "ablations", worth: 0.01 },
    effects: [
      { system: FULL, baseline: "text-head" },
      { system: FULL, baseline: "image-head" },
    ],
  }),
  gain("jomed-over-ft-rag", "JOMED beats FT RAG", [FULL, FT_RAG]),
  gain("contrastive-over-pdist", "The contrastive loss beats perplexity distillation", [FULL, PDIST], {
    ...{ part: "ablations", report: "losses" },
  }),
  gain("contrastive-same-prior", "It does so without the prior too, which the other loss has not", [NO_PRIOR, PDIST], {
    ...{ part: "ablations", report: "losses" },
  }),
  gain("jomed-over-rad", "JOMED beats RAD, a vote of the neighbours", [FULL, "RAD-like"]),
  gain("jomed-over-mmed-rag", "JOMED beats MMed-RAG", [FULL, "MMed-RAG-like"], BESIDE),
  gain("jomed-over-atlas", "JOMED beats joint training as ATLAS does it", [FULL, "ATLAS-like"], BESIDE),
  gain("gain-on-inconsistent", "JOMED gains on inconsistent questions", [FULL, FT_RAG], inconsistent(FULL, FT_RAG)),
  gain("gains-most-on-inconsistent", "It gains more there than overall", [FULL, FT_RAG], {
    ...AMONG_INCONSISTENT,
    effects: [{ system: FULL, baseline: FT_RAG, subset: "inconsistent minus all" }],
  }),
  gain(
    "gain-beyond-control",
    "Its gain there is more than that of a random order",
    [FULL, RE_RANKED],
    inconsistent(FULL, RE_RANKED),
  ),
  {
    ...{ name: "hard-for-all", says: "Inconsistent questions are hard for every system, without retrieval too" },
    ...{ part: "inconsistency", ...GAIN, claimed: { below: 0 } },
    effects: ["closed-book", FT_RAG, "text-head", "image-head", FULL].map((system) => {
      return { system, subset: "inconsistent minus consistent" };
    }),
  },
  {
    ...{ name: "inconsistent-share", says: "3 to 93 % of a data set is inconsistent" },
    ...{ part: "inconsistency", ...GAIN, claimed: { above: 0.03, below: 0.93 } },
    effects: [{ system: FT_RAG, metric: "inconsistency" }],
  },
  {
    ...{ name: "oracle-far-above", says: "An oracle over the readings is far above the model (by 5 points)" },
    ...{ part: "oracle", ...GAIN, claimed: { above: FAR } },
    effects: [{ system: FULL, metric: "oracleGap" }],
  },
  {
    ...{ name: "rerankers-leave-the-gap", says: "Rerankers leave at least half of that gap" },
    ...{ part: "oracle", ...GAIN },
    effects: PICKS.map((subset) => ({ system: FULL, metric: "gapLeft", subset })),
  },
  gain("closed-form", "The closed form of open questions helps", [FULL, "open form"], {
    ...{ part: "method", report: "open-form" },
  }),
  gain(
    "close-to-medical",
    "JOMED is within 5 points of medically pre-trained readers",
    [FULL, "reader pre-trained on the corpora"],
    { ...BESIDE, claimed: { above: -FAR } },
  ),
  {
    ...{ name: "lightweight", says: "Less than a tenth of all weights is trained" },
    ...{ part: "method", ...GAIN, ...BESIDE, claimed: { below: 0.1 } },
    effects: [{ system: FULL, metric: "trainedShare" }],
  },
];

/** Every two systems that a claim compares, each once: what a report has to measure besides differences to FT RAG. */
export function claimedPairs(): (readonly [system: string, baseline: string])[] {
  const pairs = CLAIMS.flatMap(({ effects }) =>
    effects.flatMap(({ system, baseline }) => (baseline === undefined ? [] : [[system, baseline] as const])),
  );
  return [...new Map(pairs.map((pair) => [pair.join(), pair])).values()];
}
