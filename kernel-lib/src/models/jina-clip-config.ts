/** Prefix of the image tower's modules. */
export const JINA_VISION = "vision_model";
/** Prefix of the text tower's modules; a map behind it is text_model.proj. */
export const JINA_TEXT = "text_model.transformer";

/** The image tower: an EVA-02 vision transformer. */
export interface JinaVisionConfig {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly numLayers: number;
  readonly intermediateSize: number;
  /** Norms inside attention and MLP ("subln"); queries, keys and values then have weights of their own. */
  readonly innerNorms: boolean;
  readonly mlp: "swiglu" | "gelu";
  /** Whether queries and values have a bias. Keys never do. */
  readonly queryValueBias: boolean;
  /** Side of the grid that rotary positions are scaled to, in patches; null without rotary positions. */
  readonly rotaryGrid: number | null;
  /** A linear map behind the tower. */
  readonly head: "none" | "linear";
}

/** The text tower: a BERT with ALiBi and a gated MLP. */
export interface JinaTextConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly numLayers: number;
  readonly intermediateSize: number;
  /** Kinds of tokens with an embedding of their own; every token here is of kind 0. */
  readonly numTokenTypes: number;
  /** Tokens of a text that are read. ALiBi itself knows no limit. */
  readonly maxPositions: number;
  readonly layerNormEpsilon: number;
  readonly padTokenId: number;
  /** A linear map behind the tower. */
  readonly head: "none" | "linear" | "affine";
}

/** Architecture of a Jina-CLIP, version 1. */
export interface JinaClipConfig {
  /** Width of what leaves a tower. */
  readonly towerSize: number;
  /** Width of an embedding behind a map that both sides have of their own; null without such maps. */
  readonly projectionSize: number | null;
  /** Where the logarithm of the inverse temperature starts. */
  readonly logitScale: number;
  readonly vision: JinaVisionConfig;
  readonly text: JinaTextConfig;
}
