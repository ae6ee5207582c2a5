import type { ReaderStageOptions } from "../training/reader-stage";
import type { RetrieverStageOptions } from "../training/retriever-options";

/** Changes to a profile's options of the stages. */
export interface StageChanges {
  readonly reader?: Partial<ReaderStageOptions>;
  readonly closedBook?: Partial<ReaderStageOptions>;
  readonly retriever?: Partial<RetrieverStageOptions>;
}

/** What a grid does for a task. */
export interface TaskPart extends StageChanges {
  /** What is searched, unless another corpus is named. Default "phantom-pool", which has the looks of every task. */
  readonly corpus?: string;
}

/** What a profile's grid runs unless asked otherwise, and what it changes for some tasks and readers. */
export interface GridPart {
  readonly backbones: readonly string[];
  readonly seeds: readonly number[];
  /** Names of systems; "all" stands for every one. */
  readonly systems: readonly string[] | "all";
  /** Changes by task; `otherTasks` for those not named. */
  readonly tasks: Readonly<Record<string, TaskPart>>;
  readonly otherTasks: TaskPart;
  /** Changes by reader, after those by task. */
  readonly readers: Readonly<Record<string, StageChanges>>;
  /** Steps of the readers counted in passes over the task's training questions instead; evaluated once a pass. */
  readonly epochs?: number;
}

const FIVE_SYSTEMS = ["closed-book", "ft-rag", "text-head", "image-head", "jomed"];

/** The walkthrough's task keeps the notebooks' corpus and options, so that notebooks and grid share its results. */
const WALKTHROUGH: GridPart["tasks"] = { "breast-mnist": { corpus: "phantom" } };

/**
 * Both readers of a task, evaluated so often after the start. A short training wants a higher rate than the walkthrough's 240 steps
 * (5e-3; 2e-3 leaves the labels of DermaMNIST at their frequencies), and no augmentation: a picture is seen three to five
 * times, and shifted chest films are hardly learnt at all. Chosen on the validation splits of seed 7: docs/performance.md.
 */
function shortReaders(
  closedBook: number,
  reader: number,
  numEvaluations = 2,
): Pick<StageChanges, "reader" | "closedBook"> {
  const brief = (steps: number) => ({
    steps,
    evaluateEvery: steps / numEvaluations,
    learningRate: 5e-3,
    augment: null,
  });
  return { reader: brief(reader), closedBook: brief(closedBook) };
}

const SHORT_RETRIEVER = {
  steps: 40,
  numCandidates: 4,
  warmupSteps: 4,
  evaluateEvery: 20,
  refreshEvery: 2,
  validationTop: 2, // the four best of so few would hardly differ from one head to the next
} as const;

/** The other tasks get fewer steps and candidates: docs/performance.md. */
const SMALLER: Omit<GridPart, "backbones" | "seeds" | "systems"> = {
  tasks: {
    ...WALKTHROUGH,
    "vqa-rad": { ...shortReaders(120, 120), retriever: SHORT_RETRIEVER },
    slake: { ...shortReaders(100, 100), retriever: SHORT_RETRIEVER },
    // a pair is scored once per label, and these tasks have fifteen and fourteen
    "vindr-pcxr": { ...shortReaders(160, 200), retriever: { ...SHORT_RETRIEVER, numCandidates: 3 } },
    brset: { ...shortReaders(160, 240), retriever: { ...SHORT_RETRIEVER, numCandidates: 3 } },
    // 626 validation questions with four passages each: an evaluation takes as long as forty steps
    "path-vqa": { ...shortReaders(60, 60, 1), retriever: { ...SHORT_RETRIEVER, numCandidates: 3 } },
  },
  otherTasks: { ...shortReaders(100, 120), retriever: SHORT_RETRIEVER },
  readers: {},
};

export const QUICK_GRID: GridPart = { ...SMALLER, backbones: ["qwen2-vl"], seeds: [7], systems: FIVE_SYSTEMS };

export const FULL_GRID: GridPart = {
  ...SMALLER,
  backbones: ["qwen2-vl", "pixtral"],
  seeds: [7, 8, 9, 10, 11],
  systems: "all",
};

export const PAPER_GRID: GridPart = {
  backbones: ["qwen2-vl", "pixtral"],
  seeds: [7],
  systems: FIVE_SYSTEMS,
  tasks: WALKTHROUGH,
  otherTasks: {},
  readers: { pixtral: { reader: { batchSize: 5 }, closedBook: { batchSize: 5 } } },
  epochs: 15,
};

export const TEST_GRID: GridPart = {
  backbones: ["qwen2-vl"],
  seeds: [7],
  systems: FIVE_SYSTEMS,
  tasks: WALKTHROUGH,
  otherTasks: {},
  readers: {},
};
