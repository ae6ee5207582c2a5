import type { Control } from "../base/types";
import type { ReadingMode } from "../phantoms/general/reading-exercises";
import type { AttributeName } from "../phantoms/general/world";
import { type LoopResult, type Trainee, trainLoop } from "../training/loop";
import { cosineSchedule } from "../training/schedule";

/*
 * The recipes of the replicas: what each phase of their pre-training is, in numbers, and how one phase is run.
 */

/** Names the recipes together with the sizes and vocabulary of the models; raised when any of them changes. */
export const REPLICA_VERSION = 5;

/** How long and how fast one phase of pre-training learns. */
export interface PretrainingPhase {
  readonly steps: number;
  /** Scenes, pairs or exercises per step. */
  readonly batchSize: number;
  /** Highest learning rate, after the warm-up; a cosine to 0 ends the phase. */
  readonly learningRate: number;
  readonly warmupSteps: number;
  /** Steps at the highest rate before it falls. Default 0. */
  readonly holdSteps?: number;
  readonly evaluateEvery: number;
}

/** How a dual encoder is pre-trained on the general-purpose world. */
export interface EncoderRecipe {
  /** The image tower alone, by linear probes of a scene's attributes. */
  readonly vision: PretrainingPhase;
  /** Both towers, image-caption pairs; each pair is the others' negative. */
  readonly pairs: PretrainingPhase;
  /** Held-out scenes; pairs are ranked among themselves. */
  readonly numHeldOut: number;
  readonly seed: number;
}

/** How the replica dual encoders in data/checkpoints, CLIP and Jina-CLIP, were made, of the same pictures in the same order; `npm run checkpoints` does it again. */
export const ENCODER_RECIPE = {
  vision: { steps: 2500, batchSize: 64, learningRate: 1e-3, warmupSteps: 100, evaluateEvery: 250 },
  pairs: { steps: 800, batchSize: 192, learningRate: 1e-3, warmupSteps: 100, evaluateEvery: 250 },
  numHeldOut: 512,
  seed: 7,
} as const satisfies EncoderRecipe;

/** A phase whose exercises are drawn from the modes of reading. */
export interface ReadingPhase extends PretrainingPhase {
  /** How often each mode is drawn; sums to 1. Modes left out are not drawn. */
  readonly shares: Readonly<Partial<Record<ReadingMode, number>>>;
}

/** A phase of picture pairs, with exercises of the other modes beside them so that these are not forgotten. */
export interface PairPhase extends ReadingPhase {
  /** Pairs per step; the rest of the batch are exercises. */
  readonly numPairs: number;
  /** How often each attribute is asked for, in any unit. Those left out count 1. */
  readonly asked: Readonly<Partial<Record<AttributeName, number>>>;
  /** What each part counts in the loss. */
  readonly weights: {
    /** Answers of the exercises; those of the pairs count 1. */
    readonly exercises: number;
    /** Verdicts of the probe at the second picture's end, mean of twelve. */
    readonly verdicts: number;
    /** Words of both pictures there, sum of 24. */
    readonly words: number;
    /** The words asked for at the answer's place, sum of four. */
    readonly asked: number;
  };
}

/** How a reader is pre-trained on the general-purpose world. */
export interface ReaderRecipe {
  /** The vision tower alone, as large readers take theirs from a pre-training of its own. */
  readonly vision: PretrainingPhase;
  /** Texts alone, the text model only: a vision-language model starts from a language model. */
  readonly text: ReadingPhase;
  /** Pictures and texts, all weights. */
  readonly pictures: ReadingPhase;
  /** Long lists of classes and sets of them, texts alone: every number becomes an answer that it knows. */
  readonly lists: ReadingPhase;
  /** All kinds of exercises together, with their pictures. */
  readonly classes: ReadingPhase;
  /** Backgrounds that are right most of the time, as retrieved ones are. */
  readonly hints: ReadingPhase;
  /** Two pictures side by side: what is the same in them. Left out: the reader does without. */
  readonly pairs?: PairPhase;
  /** Held-out exercises of each mode. */
  readonly numHeldOut: number;
  readonly seed: number;
}

/** How the replica Qwen2-VL in data/checkpoints was made; `npm run checkpoints` does it again. */
export const READER_RECIPE: ReaderRecipe = {
  vision: { steps: 2500, batchSize: 64, learningRate: 1e-3, warmupSteps: 100, evaluateEvery: 250 },
  text: {
    steps: 400,
    batchSize: 48,
    learningRate: 2e-3,
    warmupSteps: 40,
    evaluateEvery: 100,
    shares: { copyWord: 0.25, readClass: 0.75 },
  },
  pictures: {
    steps: 1500,
    batchSize: 32,
    learningRate: 1e-3,
    warmupSteps: 100,
    evaluateEvery: 250,
    shares: {
      describe: 0.35,
      attribute: 0.07,
      attributeWithPassage: 0.15,
      copyWord: 0.05,
      readClass: 0.17,
      seeClass: 0.15,
      compare: 0.06,
    },
  },
  lists: {
    steps: 900,
    batchSize: 48,
    learningRate: 1.5e-3,
    warmupSteps: 40,
    evaluateEvery: 150,
    shares: { copyWord: 0.05, readClass: 0.1, listClass: 0.25, listNumber: 0.35, listSet: 0.2, confirmWord: 0.05 },
  },
  classes: {
    steps: 500,
    batchSize: 24,
    learningRate: 7e-4,
    warmupSteps: 50,
    evaluateEvery: 100,
    shares: {
      describe: 0.1,
      attribute: 0.08,
      attributeWithPassage: 0.12,
      copyWord: 0.04,
      readClass: 0.12,
      seeClass: 0.12,
      listClass: 0.12,
      listNumber: 0.12,
      listSet: 0.08,
      seeSet: 0.06,
      confirmWord: 0.04,
    },
  },
  hints: {
    steps: 300,
    batchSize: 24,
    learningRate: 5e-4,
    warmupSteps: 30,
    evaluateEvery: 100,
    shares: {
      describe: 0.12,
      attribute: 0.08,
      attributeWithPassage: 0.1,
      copyWord: 0.05,
      readClass: 0.05,
      listNumber: 0.05,
      confirmWord: 0.05,
      hintClass: 0.5,
    },
  },
  numHeldOut: 64,
  seed: 7,
};

const PAIRS: PairPhase = {
  steps: 6000,
  batchSize: 32,
  numPairs: 20,
  learningRate: 1.5e-3,
  warmupSteps: 50,
  holdSteps: 3600,
  evaluateEvery: 500,
  shares: {
    describe: 0.1,
    attribute: 0.15,
    attributeWithPassage: 0.15,
    copyWord: 0.1,
    readClass: 0.1,
    seeClass: 0.1,
    listNumber: 0.1,
    confirmWord: 0.05,
    hintClass: 0.15,
  },
  asked: {
    grain: 1.5,
    size: 2,
    shape: 2,
    border: 1,
    spots: 1,
    slope: 1.5,
    brightness: 0.6,
    fill: 0.6,
    letter: 0.6,
    color: 0.6,
  },
  weights: { exercises: 0.5, verdicts: 5, words: 0.08, asked: 0.4 },
};

/** How the replica Pixtral was made: the same, and pairs of pictures. Without them it copied two words in five and compared by chance. */
export const PIXTRAL_RECIPE: ReaderRecipe = { ...READER_RECIPE, pairs: PAIRS };

/** How a pre-trained reader learns to compare two pictures. */
export type PairRecipe = Required<Pick<ReaderRecipe, "pairs" | "numHeldOut" | "seed">>;

/** How qwen2-vl-pairs was made of qwen2-vl. */
export const PAIR_RECIPE: PairRecipe = {
  pairs: PAIRS,
  numHeldOut: READER_RECIPE.numHeldOut,
  seed: READER_RECIPE.seed,
};

/** Where resumable state is kept, and how a caller watches and stops. */
export interface PretrainingHooks {
  /** Names the state file of a phase. Default: no state is kept. */
  readonly stateFile?: (phase: string) => string;
  readonly control?: Control;
}

/** Which phase of which seed is run. */
interface PhaseRun {
  readonly name: string;
  readonly seed: number;
  readonly hooks: PretrainingHooks;
}

/**
 * Runs one phase of pre-training: AdamW (decay 0.01 on matrices), warm-up and cosine, gradients no longer than 1.
 *
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export function trainPhase<Batch>(
  trainee: Trainee<Batch>,
  phase: PretrainingPhase,
  { name, seed, hooks }: PhaseRun,
): Promise<LoopResult> {
  const { stateFile, control } = hooks;
  return trainLoop(trainee, {
    steps: phase.steps,
    schedule: cosineSchedule(phase),
    seed,
    evaluateEvery: phase.evaluateEvery,
    adamw: { weightDecay: 0.01, decayed: "matrices" },
    clipNorm: 1,
    ...(stateFile === undefined ? {} : { stateFile: stateFile(name) }),
    ...(control === undefined ? {} : { control }),
  });
}
