import type * as tf from "@tensorflow/tfjs-core";
import type { RasterImage } from "../../base/types";
import type { DecoderConfig } from "../layers/decoder";
import type { PatchGrid } from "../layers/rotary";
import type { TextTokenizer } from "../text/tokenizer";
import type { ParameterStore } from "../weights/parameters";

/** Prefix of the text model's modules, the same in every reader. */
export const TEXT_PREFIX = "model.language_model";

/** Images of one size, cut into patches. */
export interface PatchGroup {
  readonly grid: PatchGrid;
  readonly numImages: number;
  /** [numImages * patches, values of a patch], in the order the vision tower reads them. */
  readonly patches: Float32Array;
}

/** Positions of the tokens of one prompt. */
export interface PromptPositions {
  /** [3, L]: time, height and width of every token; three times the same where the model knows one position only. */
  readonly positions: Int32Array;
  /** Position of the token that would come next. */
  readonly next: number;
}

/** How a model turns pictures into tokens: all that its readers of prompts need to know about its vision tower. */
export interface PictureReader {
  /** Modules that a picture's tokens come from. */
  readonly modules: readonly string[];
  /** The grid of patches a picture is cut into. */
  gridOf(image: RasterImage): PatchGrid;
  /** Resizes a picture and cuts it into the patches of `gridOf`. */
  cut(image: RasterImage): Float32Array;
  /** Number of text-model tokens of a picture. */
  tokensOf(grid: PatchGrid): number;
  /** The ids that stand for a picture in a prompt: one image placeholder per token, and marks between them if the model has any. */
  expand(grid: PatchGrid): number[];
  /** Positions of a prompt's tokens. @throws DataError when its placeholders are not those of the grids. */
  place(ids: Int32Array, grids: readonly PatchGrid[]): PromptPositions;
  /** Runs the vision tower: [numImages * tokens, hiddenSize], image by image. Gradient: to whatever is trainable in it. */
  run(parameters: ParameterStore, group: PatchGroup): tf.Tensor2D;
}

/** A model that reads pictures and text: what prompts, logits, generation and scores ask of it. */
export interface VisionLanguageModel {
  readonly kind: "qwen2-vl" | "pixtral";
  readonly config: {
    readonly text: DecoderConfig;
    readonly imageTokenId: number;
    /** Whether the output head is the token embedding. */
    readonly tieWordEmbeddings: boolean;
  };
  readonly parameters: ParameterStore;
  readonly tokenizer: TextTokenizer;
  /** What preprocessor_config.json says. */
  readonly imageProcessor: object;
  /** Jinja text. */
  readonly chatTemplate: string;
  readonly pictures: PictureReader;
  /** Frees the weights; adapters are freed by their owner. */
  dispose(): void;
}
