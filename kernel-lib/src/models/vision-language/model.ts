import type * as tf from "@tensorflow/tfjs-core";
import type { RasterImage } from "../../base/types";
import type { DecoderConfig } from "../layers/decoder";
import type { TextTokenizer } from "../text/tokenizer";
import type { ParameterStore } from "../weights/parameters";

/** Height, width and number of frames of an image, counted in patches. */
export interface PatchGrid {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** Images of one size, cut into patches. */
export interface PatchGroup {
  readonly grid: PatchGrid;
  readonly numImages: number;
  /** [numImages * patches, values of a patch], in the order the vision tower reads them. */
  readonly patches: Float32Array;
}

/** How images become patches, and what stands for them in a prompt. */
export interface ImageProcessor {
  /** The grid of patches an image is cut into, once resized. */
  gridOf(image: RasterImage): PatchGrid;
  /** Resizes an image and cuts it into the patches of `gridOf`, [patches, values of a patch]. */
  patchesOf(image: RasterImage): Float32Array;
  /** Number of text-model tokens of an image. */
  tokensOf(grid: PatchGrid): number;
  /** The ids that stand for an image in a prompt: one placeholder per token, and marks between them if the model has any. */
  placeholdersOf(grid: PatchGrid): number[];
}

/** What makes tokens of patches. */
export interface VisionTower {
  /** Modules that an image's tokens come from. */
  readonly modules: readonly string[];
  /** -> [numImages * tokens, hiddenSize], image by image. Gradient: to whatever is trainable in the modules. */
  run(parameters: ParameterStore, group: PatchGroup): tf.Tensor2D;
}

/** Position ids of the tokens of one prompt. */
export interface PositionIds {
  /** [3, L]: time, height and width of every token; three times the same where the model knows one position only. */
  readonly positionIds: Int32Array;
  /** Position of the token that would come next. */
  readonly next: number;
}

/** A model that reads images and text: what prompts, logits, generation and scores ask of it. */
export interface VisionLanguageModel {
  /** Of which architecture it is, as `registry.ts` lists it. */
  readonly kind: string;
  readonly config: {
    readonly text: DecoderConfig;
    readonly imageTokenId: number;
    /** Whether the output head is the token embedding. */
    readonly tieWordEmbeddings: boolean;
  };
  /** Under the module names of transformers 5, the text model's below `TEXT_PREFIX`, the head's lm_head. */
  readonly parameters: ParameterStore;
  readonly tokenizer: TextTokenizer;
  /** Jinja text. */
  readonly chatTemplate: string;
  /** What preprocessor_config.json says. */
  readonly imageConfig: object;
  readonly imageProcessor: ImageProcessor;
  readonly visionTower: VisionTower;
  /** Position ids of a prompt. @throws DataError when its placeholders are not those of the grids. */
  positionIds(inputIds: Int32Array, grids: readonly PatchGrid[]): PositionIds;
  /** Frees the weights; adapters are freed by their owner. */
  dispose(): void;
}

/** One architecture of readers: a row of `registry.ts`. */
export interface ReaderArchitecture<Model extends VisionLanguageModel = VisionLanguageModel> {
  readonly family: "reader";
  /** As in its models. */
  readonly kind: string;
  /** For people, e.g. "Qwen2-VL". */
  readonly name: string;
  /** `model_type` of its config.json. */
  readonly modelType: string;
  load(folder: string): Model;
  save(model: Model, folder: string): void;
}
