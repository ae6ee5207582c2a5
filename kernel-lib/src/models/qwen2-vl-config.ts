import { assertInteger } from "../base/check";
import { ConfigError } from "../base/errors";
import { type DecoderConfig, MAX_LAYERS, MAX_SIZE } from "./decoder-config";

/** Sizes of the vision tower. */
export interface Qwen2VisionConfig {
  readonly depth: number;
  readonly embedDim: number;
  readonly numHeads: number;
  /** Width of the MLP as a multiple of `embedDim`. */
  readonly mlpRatio: number;
  readonly inChannels: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames a patch spans; a still image is repeated that often. */
  readonly temporalPatchSize: number;
  /** Side of the square of patches that becomes one token of the text model. */
  readonly spatialMergeSize: number;
  /** Base of the 2-D rotary frequencies. */
  readonly ropeTheta: number;
}

/** Sizes of the text model. */
export type Qwen2TextConfig = DecoderConfig;

/** Architecture of a Qwen2-VL-shaped reader. */
export interface Qwen2VlConfig {
  readonly text: Qwen2TextConfig;
  readonly vision: Qwen2VisionConfig;
  readonly imageTokenId: number;
  readonly videoTokenId: number;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
  /** Whether the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
}

/** Throws ConfigError when the sizes contradict each other. */
export function assertQwen2VlConfig(config: Qwen2VlConfig): void {
  const { text, vision } = config;
  const entries = [...Object.entries(text), ...Object.entries(vision)];
  const mayBeZero = new Set(["padTokenId", "endTokenId", "mropeSection", "rmsNormEps", "ropeTheta", "mlpRatio"]);
  const layers = new Set(["numLayers", "depth"]);
  for (const [name, value] of entries)
    if (!mayBeZero.has(name))
      assertInteger(`Qwen2VlConfig: ${name}`, value, 1, layers.has(name) ? MAX_LAYERS : MAX_SIZE);
  assertDivides("text.hiddenSize", text.hiddenSize, "2 * text.numHeads", 2 * text.numHeads);
  assertDivides("text.numHeads", text.numHeads, "text.numKeyValueHeads", text.numKeyValueHeads);
  assertDivides("vision.embedDim", vision.embedDim, "4 * vision.numHeads", 4 * vision.numHeads);
  const half = text.hiddenSize / text.numHeads / 2;
  const sum = text.mropeSection.reduce((total, n) => total + n, 0);
  if (sum !== half)
    throw new ConfigError(
      `Qwen2VlConfig: mropeSection must sum to half a head, ${half}; got ${sum}. Share the ${half} frequencies among time, height and width.`,
      { mropeSection: text.mropeSection, half },
    );
}

function assertDivides(name: string, value: number, divisorName: string, divisor: number): void {
  if (value % divisor === 0) return;
  throw new ConfigError(`Qwen2VlConfig: ${name} must be a multiple of ${divisorName} = ${divisor}; got ${value}.`, {
    name,
    value,
    divisor,
  });
}
