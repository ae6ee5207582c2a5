import * as tf from "@tensorflow/tfjs-core";
import { createRandom } from "../base/random";
import type { RasterImage } from "../base/types";
import { ATTRIBUTES, drawGeneralScene, type Scene } from "../phantoms/general/world";
import type { Evaluation, LoopResult, Trainee } from "../training/loop";
import { type PretrainingHooks, type PretrainingPhase, trainPhase } from "./recipes";
import {
  createProbe,
  disposeProbe,
  NUM_WORDS,
  type Probe,
  probeStates,
  splitWords,
  wordLoss,
  wordsOf,
} from "./word-probe";

/** An image tower as its pre-training sees it. */
export interface ImageTower {
  /** Names the curve: "encoder pre-training, vision". */
  readonly stage: string;
  /** What learns; unfrozen. */
  readonly variables: readonly tf.Variable[];
  /** Columns of `features`. */
  readonly width: number;
  /** One row per image, [B, width]; differentiable. */
  features(images: readonly RasterImage[]): tf.Tensor2D;
}

const EVALUATION_BATCH = 64;

/**
 * Pre-trains an image tower alone: its features must tell, by a linear probe, each of a scene's twelve attributes. The vision
 * towers of large models come from a pre-training of their own, too.
 *
 * Loss: sum over the attributes of the cross-entropy, mean over scenes.
 * Memory: the probe is made and freed here.
 *
 * @param numHeldOut scenes that are never trained on.
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export async function pretrainTower(
  tower: ImageTower,
  phase: PretrainingPhase,
  run: { readonly numHeldOut: number; readonly seed: number; readonly hooks: PretrainingHooks },
): Promise<LoopResult> {
  const probe = createProbe(`${tower.stage}/probe`, [tower.width, NUM_WORDS], run.seed);
  const random = createRandom(run.seed).fork(`${tower.stage}/held out`);
  const heldOut = Array.from({ length: run.numHeldOut }, () => drawGeneralScene(random));
  try {
    return await trainPhase(createTrainee(tower, probe, { batchSize: phase.batchSize, heldOut }), phase, {
      name: "vision",
      seed: run.seed,
      hooks: run.hooks,
    });
  } finally {
    disposeProbe(probe);
  }
}

function createTrainee(
  tower: ImageTower,
  probe: Probe,
  { batchSize, heldOut }: { readonly batchSize: number; readonly heldOut: readonly Scene[] },
): Trainee<readonly Scene[]> {
  return {
    stage: tower.stage,
    variables: [...tower.variables, probe.weight, probe.bias],
    prepare: async (_step, random) => Array.from({ length: batchSize }, () => drawGeneralScene(random)),
    loss: (scenes) => wordLoss(probeTower(tower, probe, scenes), scenes),
    release: () => {},
    evaluate: async () => evaluateProbe(tower, probe, heldOut),
  };
}

/** Logits of each attribute's words, one [B, words] per attribute. */
function probeTower(tower: ImageTower, probe: Probe, scenes: readonly Scene[]): tf.Tensor2D[] {
  return splitWords(probeStates(probe, tower.features(scenes.map(({ image }) => image))));
}

/** Share of held-out scenes whose word the probe tells, by attribute. */
function evaluateProbe(tower: ImageTower, probe: Probe, scenes: readonly Scene[]): Evaluation {
  const right = new Map(ATTRIBUTES.map(({ name }) => [name, 0]));
  let loss = 0;
  for (let start = 0; start < scenes.length; start += EVALUATION_BATCH) {
    const part = scenes.slice(start, start + EVALUATION_BATCH);
    tf.tidy(() => {
      const logits = probeTower(tower, probe, part);
      loss += (wordLoss(logits, part).dataSync()[0]! * part.length) / scenes.length;
      logits.forEach((words, i) => {
        const best = tf.argMax(words, 1).dataSync();
        const hits = wordsOf(part, i).filter((target, row) => target === best[row]).length;
        const { name } = ATTRIBUTES[i]!;
        right.set(name, right.get(name)! + hits);
      });
    });
  }
  const accuracies = [...right].map(([name, count]) => [`accuracy ${name}`, count / scenes.length]);
  return { score: -loss, values: { "attribute loss": loss, ...Object.fromEntries(accuracies) } };
}
