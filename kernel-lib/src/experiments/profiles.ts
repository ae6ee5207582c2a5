import { PAPER_LEARNED_WEIGHT } from "../retriever/mix";
import { type ChooseIndexOptions, EXACT_UP_TO } from "../search/engines";
import { systemNames } from "../systems/systems";
import type { ReaderStageOptions } from "../training/reader-stage";
import { PAPER_RETRIEVER_OPTIONS, type RetrieverStageOptions } from "../training/retriever-options";
import type { ProfileName } from "./run";

/** Every number that decides how much a run computes. */
export interface Profile {
  readonly index: {
    /** Which index the systems search, and up to how many numbers "auto" means the exact one. */
    readonly prefer: NonNullable<ChooseIndexOptions["prefer"]>;
    readonly exactUpTo: number;
    /** HNSW: links per node, and candidates looked at while linking. The reference code searches exactly. */
    readonly m: number;
    readonly efConstruction: number;
    /** Search width of the systems. */
    readonly ef: number;
    /** Search widths that recall is measured at, and for how many neighbours. */
    readonly measuredEf: readonly number[];
    readonly recallAt: number;
  };
  /** Stage 1 with retrieved candidates. */
  readonly reader: ReaderStageOptions;
  /** Stage 1 closed-book. */
  readonly closedBook: ReaderStageOptions;
  /** Stage 2, each head. */
  readonly retriever: RetrieverStageOptions;
  /** Passages per head at inference and in stage 1 (reference code: 2). */
  readonly numPerHead: number;
  /** Draws of the bootstrap. */
  readonly numDraws: number;
  /** What the grid of experiments runs, and what it changes. */
  readonly grid: GridPart;
}

/** Changes to a profile's options of the stages. */
export interface StageChanges {
  readonly reader?: Partial<ReaderStageOptions>;
  readonly closedBook?: Partial<ReaderStageOptions>;
  readonly retriever?: Partial<RetrieverStageOptions>;
}

/** What a profile's grid runs unless asked otherwise, and what it changes for some tasks and readers. */
interface GridPart {
  readonly backbones: readonly string[];
  readonly seeds: readonly number[];
  /** Names of systems; "all" stands for every one. */
  readonly systems: readonly string[] | "all";
  /** "short": as few steps and passages as the task says (docs/performance.md); "profile": the profile's own for every task. */
  readonly length: "short" | "profile";
  /** Changes by reader, after those by task. */
  readonly readers: Readonly<Record<string, StageChanges>>;
  /** Steps of the readers counted in passes over the task's training questions instead; evaluated once a pass. */
  readonly epochs?: number;
}

// Behind each number stands the paper's (arXiv 2508.17394v3), where it gives one and it is another.

const INDEX: Profile["index"] = {
  prefer: "auto", // exact
  exactUpTo: EXACT_UP_TO,
  m: 16,
  efConstruction: 200,
  ef: 128,
  measuredEf: [16, 32, 64, 128, 256],
  recallAt: 10,
};

const QUICK_READER: ReaderStageOptions = {
  steps: 360, // 2,160 of 3 x 8 prompts (15 epochs)
  batchSize: 24, // 3 x 8 accumulated (Qwen2-VL), 5 x 8 (Pixtral)
  learningRate: 2e-3, // 1e-4; a model of a million weights wants more
  warmupShare: 0.1,
  rank: 8, // not given
  alpha: 16, // not given
  vision: "trained", // not frozen
  augment: { afterPasses: 2, maxShift: 2, noise: 5 }, // none; what comes up again and again would be learnt by heart
  weightDecay: 0.01,
  clipNorm: 1, // not given
  evaluateEvery: 90, // 144, once an epoch; one takes as long as twelve steps
};

const QUICK_RETRIEVER: RetrieverStageOptions = {
  steps: 120, // up to 50,000
  batchSize: 64, // 2; the preference of a small reader is faint, and a small batch drowns it
  numCandidates: 20, // 50
  learningRate: 2e-4, // 1e-4
  warmupSteps: 12, // 1,000
  evaluateEvery: 20, // 100
  refreshEvery: 3, // 10
  weightDecay: 0.01,
  learnedWeight: PAPER_LEARNED_WEIGHT,
  temperature: 1,
  loss: "contrastive",
  preferenceSoftmax: "once",
  bestBy: "likelihood",
  validationTop: 4,
};

const QUICK: Profile = {
  index: INDEX,
  reader: QUICK_READER,
  closedBook: QUICK_READER,
  retriever: { ...QUICK_RETRIEVER, numQuestions: 500 }, // all
  numPerHead: 2,
  numDraws: 2000,
  grid: {
    backbones: ["qwen2-vl"],
    seeds: [7],
    systems: systemNames("system"),
    length: "short",
    readers: {},
  },
};

/** Quick's numbers, with more readers, seeds and systems. */
const FULL: Profile = {
  ...QUICK,
  grid: { ...QUICK.grid, backbones: ["qwen2-vl", "pixtral"], seeds: [7, 8, 9, 10, 11], systems: "all" },
};

/** The paper's values, none made smaller: for real models. What the paper leaves open is as in profile quick. */
const PAPER_READER: ReaderStageOptions = {
  ...QUICK_READER,
  steps: 2160,
  batchSize: 3,
  accumulation: 8,
  learningRate: 1e-4,
  augment: null,
  evaluateEvery: 144, // once an epoch
};

const PAPER: Profile = {
  ...QUICK,
  reader: PAPER_READER,
  closedBook: PAPER_READER,
  retriever: { ...QUICK_RETRIEVER, ...PAPER_RETRIEVER_OPTIONS },
  grid: {
    backbones: ["qwen2-vl", "pixtral"],
    seeds: [7],
    systems: systemNames("system"),
    length: "profile",
    readers: { pixtral: { reader: { batchSize: 5 }, closedBook: { batchSize: 5 } } },
    epochs: 15,
  },
};

const TEST_READER: ReaderStageOptions = {
  ...QUICK_READER,
  steps: 4,
  batchSize: 4,
  evaluateEvery: 2,
  rank: 2,
  alpha: 4,
};

const TEST: Profile = {
  ...QUICK,
  index: { ...INDEX, exactUpTo: 1000, measuredEf: [16, 64] },
  reader: TEST_READER,
  closedBook: TEST_READER,
  retriever: {
    ...QUICK_RETRIEVER,
    steps: 4,
    batchSize: 4,
    numCandidates: 4,
    warmupSteps: 1,
    evaluateEvery: 2,
    refreshEvery: 1,
    numQuestions: 60,
  },
  numDraws: 200,
  grid: { ...QUICK.grid, length: "profile" },
};

const ALL: Readonly<Record<ProfileName, Profile>> = { quick: QUICK, full: FULL, paper: PAPER, test: TEST };

/** The numbers of a profile. */
export function profileOf(name: ProfileName): Profile {
  return ALL[name];
}
