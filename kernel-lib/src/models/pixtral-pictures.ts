import { DataError } from "../base/errors";
import type { PixtralConfig } from "./pixtral-config";
import { type PixtralImageConfig, pixtralPatches, pixtralSize } from "./pixtral-images";
import { runPixtralVision } from "./pixtral-vision";
import { PIXTRAL_PROJECTOR, PIXTRAL_VISION } from "./pixtral-weights";
import type { PatchGrid } from "./rotary";
import type { PictureReader, PromptPositions } from "./vision-language";

/** Ids of the marks in a picture's tokens. */
export interface PixtralMarks {
  /** Stands after every row of patches but the last. */
  readonly breakTokenId: number;
  /** Stands after the last row. */
  readonly endTokenId: number;
}

/** How Pixtral turns pictures into tokens: one per patch, a mark after every row, one position per token. */
export function pixtralPictures(
  config: PixtralConfig,
  processor: PixtralImageConfig,
  marks: PixtralMarks,
): PictureReader {
  const { imageTokenId } = config;
  return {
    modules: [PIXTRAL_VISION, PIXTRAL_PROJECTOR],
    gridOf: (image) => {
      const { height, width } = pixtralSize(image.height, image.width, processor);
      return { frames: 1, height: height / processor.patchSize, width: width / processor.patchSize };
    },
    cut: (image) => pixtralPatches(image, processor),
    tokensOf,
    expand: (grid) =>
      Array.from({ length: grid.height }, (_, row) => [
        ...new Array<number>(grid.width).fill(imageTokenId),
        row + 1 < grid.height ? marks.breakTokenId : marks.endTokenId,
      ]).flat(),
    place: (ids, grids) => linePositions(ids, grids, imageTokenId),
    run: (parameters, group) => runPixtralVision(parameters, config, group),
  };
}

function tokensOf(grid: PatchGrid): number {
  return grid.height * grid.width;
}

/** Every token, of text or picture, is one further than the one before it. */
function linePositions(ids: Int32Array, grids: readonly PatchGrid[], imageTokenId: number): PromptPositions {
  const wanted = grids.reduce((sum, grid) => sum + tokensOf(grid), 0);
  const found = ids.reduce((count, id) => count + Number(id === imageTokenId), 0);
  if (found !== wanted)
    throw new DataError(
      `collatePrompts: a prompt must hold ${wanted} image placeholders for its ${grids.length} images; got ${found}. Make prompts with tokenizePrompt.`,
      { found, wanted, images: grids.length },
    );
  const positions = Int32Array.from({ length: 3 * ids.length }, (_, i) => i % ids.length);
  return { positions, next: ids.length };
}
