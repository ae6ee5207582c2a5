import { createRandom, type Random } from "../base/random";
import { type ClipConfig, clipWeightShapes } from "./clip-config";
import type { WeightArray } from "./parameters";

/** Fresh weights with the spreads transformers starts CLIP with, one random stream per weight name. */
export function drawClipWeights(config: ClipConfig, seed: number | string): Map<string, WeightArray> {
  const random = createRandom(seed).fork("clip");
  return new Map(
    [...clipWeightShapes(config)].map(([name, shape]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [name, { shape, data: draw(name, size, config, random.fork(name)) }] as const;
    }),
  );
}

function draw(name: string, size: number, config: ClipConfig, random: Random): Float32Array {
  const fill = fillOf(name, config);
  if (fill !== null) return new Float32Array(size).fill(fill);
  const deviation = deviationOf(name, config);
  return Float32Array.from({ length: size }, () => random.normal(0, deviation));
}

function fillOf(name: string, config: ClipConfig): number | null {
  if (name === "logit_scale") return config.logitScale;
  if (name.endsWith(".bias")) return 0;
  return /norm\d?\.weight$/.test(name) ? 1 : null;
}

function deviationOf(name: string, config: ClipConfig): number {
  const { hiddenSize, numLayers } = /^(text_model|text_projection)/.test(name) ? config.text : config.vision;
  const shrinking = hiddenSize ** -0.5 * (2 * numLayers) ** -0.5;
  if (/\.[qkv]_proj\.|\.fc2\./.test(name)) return shrinking;
  if (name.includes(".fc1.")) return (2 * hiddenSize) ** -0.5;
  return /out_proj|_projection|class_embedding/.test(name) ? hiddenSize ** -0.5 : 0.02;
}
