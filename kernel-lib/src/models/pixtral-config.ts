import { assertInteger } from "../base/check";
import { ConfigError } from "../base/errors";
import { type DecoderConfig, headWidth, MAX_LAYERS, MAX_SIZE } from "./decoder-config";

/** Activation of a gated MLP or of the projector. */
export type PixtralActivation = "gelu" | "silu";

/** Sizes of the vision tower. */
export interface PixtralVisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numChannels: number;
  /** Longest side of a picture in pixels that the tower was made for. */
  readonly imageSize: number;
  /** Side of a patch in pixels; a patch becomes one token. */
  readonly patchSize: number;
  readonly activation: PixtralActivation;
  /** Base of the 2-D rotary frequencies. */
  readonly ropeTheta: number;
}

/** Sizes of a Pixtral: LLaVA's frame around a Pixtral vision tower and a Mistral text model. */
export interface PixtralConfig {
  /** Mistral's sizes. All rotary frequencies follow one position: `mropeSection` is [headDim / 2, 0, 0]. */
  readonly text: DecoderConfig;
  readonly vision: PixtralVisionConfig;
  readonly imageTokenId: number;
  /** Number of vision blocks whose output the projector reads, 0 … numLayers. */
  readonly featureLayer: number;
  readonly projectorActivation: PixtralActivation;
  readonly projectorBias: "bias" | "none";
  /** Whether the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
}

/** Throws ConfigError when the sizes contradict each other. */
export function assertPixtralConfig(config: PixtralConfig): void {
  const { text, vision } = config;
  const free = new Set(["padTokenId", "endTokenId", "mropeSection", "rmsNormEps", "ropeTheta", "activation"]);
  for (const [name, value] of [...Object.entries(text), ...Object.entries(vision)])
    if (!free.has(name))
      assertInteger(`PixtralConfig: ${name}`, value, 1, name === "numLayers" ? MAX_LAYERS : MAX_SIZE);
  assertDivides("text.numHeads", text.numHeads, "text.numKeyValueHeads", text.numKeyValueHeads);
  assertDivides("the text model's head width", headWidth(text), "a pair", 2);
  assertDivides("vision.hiddenSize", vision.hiddenSize, "4 * vision.numHeads", 4 * vision.numHeads);
  assertInteger("PixtralConfig: featureLayer", config.featureLayer, 0, vision.numLayers);
  const half = headWidth(text) / 2;
  const { mropeSection } = text;
  if (mropeSection[0] !== half || mropeSection[1] !== 0 || mropeSection[2] !== 0)
    throw new ConfigError(
      `PixtralConfig: mropeSection must be [${half}, 0, 0], half a head for the one position; got [${mropeSection.join(", ")}].`,
      { mropeSection, half },
    );
}

function assertDivides(name: string, value: number, divisorName: string, divisor: number): void {
  if (value % divisor === 0) return;
  throw new ConfigError(`PixtralConfig: ${name} must be a multiple of ${divisorName} = ${divisor}; got ${value}.`, {
    name,
    value,
    divisor,
  });
}
