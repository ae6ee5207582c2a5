/** Sizes of a decoder with rotary positions, grouped-query attention and a gated MLP: Qwen2's and Mistral's. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  /** Width of a head. Default hiddenSize / numHeads. */
  readonly headDim?: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** How many rotary frequencies follow the time, height and width position; sums to half a head. */
  readonly mropeSection: readonly [number, number, number];
  readonly maxPositions: number;
  readonly padTokenId: number;
  readonly endTokenId: number;
}

/** Most layers a model may claim: a damaged file must not make millions of names. */
export const MAX_LAYERS = 1000;
/** Largest size a model may claim. */
export const MAX_SIZE = 2 ** 31;

/** Width of one attention head. */
export function headWidth(config: DecoderConfig): number {
  return config.headDim ?? config.hiddenSize / config.numHeads;
}
