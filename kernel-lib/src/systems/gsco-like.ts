import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { isCorrect } from "../answers/forms";
import { argMax } from "../base/numbers";
import { createRandom, type Random } from "../base/random";
import type { Control, Example, Prediction, RasterImage } from "../base/types";
import { readSafetensors, writeSafetensors } from "../compute/safetensors";
import { loadDualEncoder } from "../models/architectures";
import type { DualEncoder } from "../models/dual-encoder/encoder";
import { createLearnedTower, type EncoderTower, embedInBatches, loadLearnedTower } from "../retriever/learned-tower";
import { readJson, writeJson } from "../store/files";
import { createBatchOrder, type Trainee, trainLoop } from "../training/loop";
import { augmentImage } from "../training/reader-stage";
import { refuseUnlessNamed } from "./caption-vote";
import { asLongAsStage2, countWeights, writeCost } from "./own-training";
import { createReadingSystem } from "./reading";
import { openFinder } from "./retrieval";
import type { System, SystemDefinition, SystemParts, TrainingContext } from "./system";

// A specialist that helps a generalist, as GSCo: a classifier of the task's pictures, whose probabilities are mixed into those of the reader
// over its passages. How much of the specialist is in the mix is chosen on the validation split.

/** A classifier from scratch wants a higher rate than a head that starts from the frozen one. */
const LEARNING_RATE = 1e-3;
/** Parts of the specialist that are tried, in this order; of equally good ones the first is taken. */
const SHARES: readonly number[] = [0.5, 0.25, 0.75, 0, 1];
const TOWER_FILE = "tower.safetensors";
const HEAD_FILE = "classifier.safetensors";
const CHOICE_FILE = "choice.json";

// ---- the specialist ----------------------------------------------------------------------------------------------------

/** An image tower with one linear map to the labels. */
interface Specialist {
  readonly tower: EncoderTower;
  /** [D, C] and [C]. */
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1>;
}

/** Fresh: the frozen encoder's image tower and zeros, so that all labels are equally likely. */
function createSpecialist(encoder: DualEncoder, numLabels: number): Specialist {
  const zeros = <R extends tf.Rank>(shape: number[]) => {
    const value = tf.zeros(shape);
    const variable = tf.variable(value) as tf.Variable<R>;
    value.dispose();
    return variable;
  };
  const weight = zeros<tf.Rank.R2>([encoder.towers.width, numLabels]);
  return { tower: createLearnedTower(encoder), weight, bias: zeros<tf.Rank.R1>([numLabels]) };
}

function disposeSpecialist({ tower, weight, bias }: Specialist): void {
  tower.dispose();
  tf.dispose([weight, bias]);
}

/** An embedding of length 1 is scaled up, so that its coordinates are of size 1. [B, D] -> [B, C] */
function logitsOf({ weight, bias }: Specialist, embedded: tf.Tensor2D): tf.Tensor2D {
  const scaled = tf.mul(embedded, Math.sqrt(embedded.shape[1])) as tf.Tensor2D;
  return tf.add(tf.matMul(scaled, weight), bias);
}

/** One label of a question competes with the others; of a set each label is a question of its own. */
type Answers = "one" | "set";

/** Mean cross-entropy of the true labels. Shapes: logits and truth [B, C] -> scalar (nats per question). */
function lossOf(logits: tf.Tensor2D, truth: tf.Tensor2D, answers: Answers): tf.Scalar {
  if (answers === "one") return tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(logits)), 1))) as tf.Scalar;
  const each = tf.sub(tf.softplus(logits), tf.mul(truth, logits)); // -log σ(z) where true, -log(1 - σ(z)) where not
  return tf.mean(tf.sum(each, 1)) as tf.Scalar;
}

function truthOf(examples: readonly Example[], numLabels: number): tf.Tensor2D {
  const rows = new Float32Array(examples.length * numLabels);
  examples.forEach(({ labels }, row) => {
    for (const label of labels) rows[row * numLabels + label] = 1;
  });
  return tf.tensor2d(rows, [examples.length, numLabels]);
}

interface Batch {
  readonly examples: readonly Example[];
  readonly images: readonly RasterImage[];
}

function traineeOf(specialist: Specialist, parts: SystemParts, batchSize: number): Trainee<Batch> {
  const { splits, labels } = parts.task;
  const answers = answersOf(splits.train);
  const order = createBatchOrder({ numExamples: splits.train.length, batchSize, seed: `${parts.seed}/specialist` });
  const loss = ({ examples, images }: Batch): tf.Scalar =>
    lossOf(logitsOf(specialist, specialist.tower.embed(images)), truthOf(examples, labels.length), answers);
  return {
    stage: "specialist",
    variables: [...specialist.tower.variables, specialist.weight, specialist.bias],
    prepare: async (step, random: Random) => {
      const examples = order(step).map((row) => splits.train[row]!);
      return { examples, images: examples.map(({ image }) => augmentImage(image, random)) };
    },
    loss,
    release: () => {},
    evaluate: async () => {
      const value = await meanLoss(specialist, splits.validation, labels.length);
      return { score: -value, values: { loss: value } };
    },
  };
}

function answersOf(examples: readonly Example[]): Answers {
  return examples.some(({ form }) => form === "labels") ? "set" : "one";
}

async function meanLoss(specialist: Specialist, examples: readonly Example[], numLabels: number): Promise<number> {
  const answers = answersOf(examples);
  const { data, rows, cols } = await embedInBatches(
    specialist.tower,
    examples.map(({ image }) => image),
  );
  return tf.tidy(
    () =>
      lossOf(
        logitsOf(specialist, tf.tensor2d(data, [rows, cols])),
        truthOf(examples, numLabels),
        answers,
      ).dataSync()[0]!,
  );
}

function saveSpecialist({ tower, weight, bias }: Specialist, folder: string): void {
  tower.save(join(folder, TOWER_FILE));
  const tensorOf = (variable: tf.Variable) => ({
    dtype: "F32" as const,
    shape: variable.shape,
    data: variable.dataSync() as Float32Array,
  });
  writeSafetensors(join(folder, HEAD_FILE), [
    ["weight", tensorOf(weight)],
    ["bias", tensorOf(bias)],
  ]);
}

function loadSpecialist(encoder: DualEncoder, folder: string): Specialist {
  const { tensors } = readSafetensors(join(folder, HEAD_FILE));
  const variableOf = <R extends tf.Rank>(name: string) => {
    const { shape, data } = tensors.get(name)!;
    const value = tf.tensor(data as Float32Array, [...shape]);
    const variable = tf.variable(value) as tf.Variable<R>;
    value.dispose();
    return variable;
  };
  const tower = loadLearnedTower(encoder, join(folder, TOWER_FILE));
  return { tower, weight: variableOf<tf.Rank.R2>("weight"), bias: variableOf<tf.Rank.R1>("bias") };
}

/** What a specialist says of each example: probabilities of its label, or of each label of its set, [n][C]. */
async function opinionsOf(
  specialist: Specialist,
  examples: readonly Example[],
  control?: Control,
): Promise<number[][]> {
  const images = examples.map(({ image }) => image);
  const { data, rows, cols } = await embedInBatches(specialist.tower, images, control);
  const answers = answersOf(examples);
  return tf.tidy(() => {
    const logits = logitsOf(specialist, tf.tensor2d(data, [rows, cols]));
    return (answers === "one" ? tf.softmax(logits) : tf.sigmoid(logits)).arraySync() as number[][];
  });
}

// ---- the mix -----------------------------------------------------------------------------------------------------------

/**
 * A prediction with a specialist's opinion mixed in: share · specialist + (1 − share) · reader, label by label. One label: the likeliest. A set: the
 * labels above one half. The readings stay the reader's.
 *
 * @param opinion [C], probabilities.
 * @param share of the specialist, in [0, 1].
 */
export function withOpinion(prediction: Prediction, opinion: readonly number[], share: number): Prediction {
  const mix = (own: readonly number[]): number[] =>
    own.map((value, label) => share * opinion[label]! + (1 - share) * value);
  if (prediction.form === "labels") {
    const shares = mix(prediction.shares);
    return { ...prediction, shares, answer: shares.flatMap((value, label) => (value > 0.5 ? [label] : [])) };
  }
  if (prediction.form !== "label") return prediction;
  const probabilities = mix(prediction.probabilities);
  return { ...prediction, probabilities, answer: argMax(probabilities) };
}

/** The share with which most predictions are exactly right; of equals the first of `SHARES`. */
export function chooseShare(predictions: readonly Prediction[], opinions: readonly (readonly number[])[]): number {
  const right = SHARES.map(
    (share) => predictions.filter((each, i) => isCorrect(withOpinion(each, opinions[i]!, share))).length,
  );
  return SHARES[argMax(right)]!;
}

// ---- the system --------------------------------------------------------------------------------------------------------

/** The generalist: FT RAG. The reader stays its owner's. */
function openGeneralist(parts: SystemParts): System {
  const { name, task, reader } = parts;
  const finder = openFinder(parts);
  return createReadingSystem({ name, labels: task.labels, reader: reader!, finder, fusion: "probabilities" });
}

async function train(folder: string, parts: SystemParts, context: TrainingContext): Promise<void> {
  const { control, resumeDir, options } = context;
  const { task, seed, index } = parts;
  const retriever = options.retriever!;
  const encoder = loadDualEncoder(index!.encoder.folder);
  const specialist = createSpecialist(encoder, task.labels.length);
  try {
    const trainee = traineeOf(specialist, parts, Math.min(retriever.batchSize, task.splits.train.length));
    const stateFile = join(resumeDir, "specialist-state.safetensors");
    await trainLoop(trainee, {
      ...asLongAsStage2({ ...retriever, learningRate: LEARNING_RATE }),
      seed: createRandom(seed)
        .fork("specialist")
        .integer(2 ** 31),
      stateFile,
      control,
    });
    saveSpecialist(specialist, folder);
    const { share, readerPasses } = await chooseOnValidation(parts, specialist, control);
    writeJson(folder, CHOICE_FILE, { share });
    writeCost(folder, { readerPasses, trainedWeights: countWeights(trainee.variables) });
  } finally {
    disposeSpecialist(specialist);
    encoder.dispose();
  }
}

/** The share of the specialist, and how often the reader read for it. */
async function chooseOnValidation(parts: SystemParts, specialist: Specialist, control: Control) {
  const examples = parts.task.splits.validation;
  const generalist = openGeneralist(parts);
  try {
    const predictions = await generalist.answer(examples, control);
    const byId = new Map(predictions.map((each) => [each.exampleId, each]));
    const ordered = examples.map(({ id }) => byId.get(id)!);
    const share = chooseShare(ordered, await opinionsOf(specialist, examples, control));
    return { share, readerPasses: predictions.reduce((sum, { readings }) => sum + readings.length, 0) };
  } finally {
    generalist.dispose();
  }
}

function open(parts: SystemParts): System {
  const folder = parts.trained!;
  const { share } = readJson<{ share: number }>(folder, CHOICE_FILE);
  const encoder = loadDualEncoder(parts.index!.encoder.folder);
  const specialist = loadSpecialist(encoder, folder);
  const generalist = openGeneralist(parts);
  return {
    answer: async (examples, control) => {
      const opinions = await opinionsOf(specialist, examples, control);
      const byId = new Map(examples.map(({ id }, i) => [id, opinions[i]!]));
      const predictions = await generalist.answer(examples, control);
      return predictions.map((each) => withOpinion(each, byId.get(each.exampleId)!, share));
    },
    dispose: () => {
      generalist.dispose();
      disposeSpecialist(specialist);
      encoder.dispose();
    },
  };
}

/**
 * FT RAG with a specialist classifier of the task's pictures mixed in.
 *
 * Paper: arXiv 2508.17394v3, compared systems: GSCo. What is shared with it and what not: docs/systems.md.
 */
export const GSCO_LIKE: SystemDefinition = {
  ...{ name: "gsco-like", label: "GSCo-like", kind: "compared" },
  needs: { reader: "retrieval", retriever: [] },
  refuses: (forms) =>
    refuseUnlessNamed(forms) === null
      ? null
      : "a classifier of pictures knows no question, and some of the questions want other answers than a label",
  settings: { version: 1 },
  ownTraining: {
    version: 1,
    config: { learningRate: LEARNING_RATE, shares: SHARES },
    follows: ["retriever"],
    train,
  },
  open: async (parts) => open(parts),
};
