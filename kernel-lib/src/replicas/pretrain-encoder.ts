import * as tf from "@tensorflow/tfjs-core";
import { createRandom, type Random } from "../base/random";
import type { CurvePoint } from "../base/types";
import {
  contrastiveLoss,
  type DualEncoder,
  type EncoderTexts,
  encodeImages,
  encodeTexts,
} from "../models/dual-encoder/encoder";
import { vocabularyWords } from "../phantoms/general/vocabulary";
import { drawGeneralScene, GENERAL_VOCABULARY, type Scene } from "../phantoms/general/world";
import type { Evaluation, Trainee } from "../training/loop";
import { type ImageTower, pretrainTower } from "./pretrain-tower";
import { type EncoderRecipe, type PretrainingHooks, trainPhase } from "./recipes";

/** What pre-training gave: its curve, and how often a held-out image finds its own caption first, or among the first ten. */
interface EncoderPretraining {
  readonly curve: readonly CurvePoint[];
  readonly recallAt1: number;
  readonly recallAt10: number;
}

interface PairBatch {
  readonly pixels: tf.Tensor4D;
  readonly texts: EncoderTexts;
}

const STAGE = "encoder pre-training";

/**
 * Pre-trains a dual encoder, CLIP or Jina-CLIP, on scenes and captions of the general-purpose world: its image tower alone, then both towers.
 *
 * Loss: linear probes of the attributes (pretrainTower), then the symmetric contrastive loss over the batch, as CLIP. No medical
 * picture or caption is in it, as in the paper, whose retriever starts from a general-purpose encoder.
 *
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export async function pretrainEncoder(
  encoder: DualEncoder,
  recipe: EncoderRecipe,
  hooks: PretrainingHooks = {},
): Promise<EncoderPretraining> {
  const { seed, numHeldOut } = recipe;
  const random = createRandom(seed).fork(`${STAGE}/held out`);
  const heldOut = Array.from({ length: numHeldOut }, () => drawCaptionedScene(random));
  try {
    const tower = imageTower(encoder);
    const vision = await pretrainTower(tower, recipe.vision, { numHeldOut, seed, hooks });
    const trainee = createTrainee(encoder, encoder.parameters.unfreeze(), heldOut, recipe.pairs.batchSize);
    const pairs = await trainPhase(trainee, recipe.pairs, { name: "pairs", seed, hooks });
    return { curve: [...vision.curve, ...pairs.curve], ...(await recallOf(encoder, heldOut)) };
  } finally {
    encoder.parameters.freeze();
  }
}

/** The probes see the embedding that retrieval uses, scaled up as the contrastive loss does. */
function imageTower({ parameters, towers }: DualEncoder): ImageTower {
  return {
    stage: `${STAGE}, vision`,
    variables: parameters.unfreeze((name) => towers.isImageWeight(name)),
    width: towers.width,
    features: (images) => tf.mul(towers.imageEmbeddings(parameters, towers.pixels(images)), Math.sqrt(towers.width)),
  };
}

function createTrainee(
  encoder: DualEncoder,
  variables: readonly tf.Variable[],
  heldOut: readonly Pick<Scene, "image" | "caption">[],
  batchSize: number,
): Trainee<PairBatch> {
  const { parameters, towers } = encoder;
  return {
    stage: `${STAGE}, pairs`,
    variables,
    prepare: async (_step, random) => {
      const scenes = Array.from({ length: batchSize }, () => drawCaptionedScene(random));
      return {
        pixels: towers.pixels(scenes.map(({ image }) => image)),
        texts: towers.texts(scenes.map(({ caption }) => caption)),
      };
    },
    loss: ({ pixels, texts }) =>
      contrastiveLoss(
        towers.imageEmbeddings(parameters, pixels),
        towers.textEmbeddings(parameters, texts),
        parameters.get("logit_scale"),
      ),
    release: ({ pixels }) => pixels.dispose(),
    evaluate: async (): Promise<Evaluation> => {
      const { recallAt1, recallAt10, loss } = await recallOf(encoder, heldOut);
      return { score: -loss, values: { "contrastive loss": loss, "recall@1": recallAt1, "recall@10": recallAt10 } };
    },
  };
}

/** Words that name nothing in a scene; web captions are full of such. */
const UNRELATED_WORDS: readonly string[] = vocabularyWords()
  .map(({ word }) => word)
  .filter((word) => !GENERAL_VOCABULARY.includes(word));
const MOST_UNRELATED = 4;

/** A scene whose caption also holds words that its picture does not show, so that the text tower learns to leave them out. */
function drawCaptionedScene(random: Random): Pick<Scene, "image" | "caption"> {
  const { image, caption } = drawGeneralScene(random);
  const words = caption.split(" ");
  for (let left = random.integer(MOST_UNRELATED + 1); left > 0; left--) {
    words.splice(random.integer(words.length + 1), 0, random.pick(UNRELATED_WORDS));
  }
  return { image, caption: words.join(" ") };
}

/** Held-out images against held-out captions. */
async function recallOf(encoder: DualEncoder, scenes: readonly Pick<Scene, "image" | "caption">[]) {
  const images = await encodeImages(
    encoder,
    scenes.map(({ image }) => image),
  );
  const texts = await encodeTexts(
    encoder,
    scenes.map(({ caption }) => caption),
  );
  return tf.tidy(() => {
    const a = tf.tensor2d(images.data, [images.rows, images.cols]);
    const b = tf.tensor2d(texts.data, [texts.rows, texts.cols]);
    const scores = tf.matMul(a, b, false, true).arraySync() as number[][];
    // rank of the own caption: how many others score higher
    const ranks = scores.map((row, i) => row.filter((score) => score > row[i]!).length);
    const share = (k: number) => ranks.filter((rank) => rank < k).length / ranks.length;
    const loss = contrastiveLoss(a, b, encoder.parameters.get("logit_scale")).dataSync()[0]!;
    return { recallAt1: share(1), recallAt10: share(10), loss };
  });
}
