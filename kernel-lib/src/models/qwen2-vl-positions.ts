import { DataError } from "../base/errors";
import type { PatchGrid } from "./rotary";
import type { PromptPositions } from "./vision-language";

/** Number of text-model tokens an image becomes. */
export function tokensOf(grid: PatchGrid, spatialMergeSize: number): number {
  return (grid.frames * grid.height * grid.width) / spatialMergeSize ** 2;
}

/**
 * Three positions for every token: text counts on in all three, an image spreads over time, height and width from
 * where the text stopped, and the text goes on after its longest side.
 *
 * @throws DataError when the image placeholders are not those of the grids.
 */
export function multimodalPositions(
  inputIds: ArrayLike<number>,
  grids: readonly PatchGrid[],
  { imageTokenId, spatialMergeSize }: { readonly imageTokenId: number; readonly spatialMergeSize: number },
): PromptPositions {
  const length = inputIds.length;
  const positions = new Int32Array(3 * length);
  let next = 0;
  let image = 0;
  for (let at = 0; at < length; ) {
    if (inputIds[at] !== imageTokenId) {
      for (let axis = 0; axis < 3; axis++) positions[axis * length + at] = next;
      next++;
      at++;
      continue;
    }
    const grid = grids[image++];
    if (grid === undefined) throw placeholderError(inputIds, grids, imageTokenId);
    const height = grid.height / spatialMergeSize;
    const width = grid.width / spatialMergeSize;
    const count = grid.frames * height * width;
    for (let i = 0; i < count; i++) {
      if (inputIds[at + i] !== imageTokenId) throw placeholderError(inputIds, grids, imageTokenId);
      positions[at + i] = next + Math.floor(i / (height * width));
      positions[length + at + i] = next + (Math.floor(i / width) % height);
      positions[2 * length + at + i] = next + (i % width);
    }
    at += count;
    next += Math.max(height, width);
  }
  if (image !== grids.length) throw placeholderError(inputIds, grids, imageTokenId);
  return { positions, next };
}

function placeholderError(ids: ArrayLike<number>, grids: readonly PatchGrid[], imageTokenId: number): DataError {
  const found = Array.from(ids).filter((id) => id === imageTokenId).length;
  return new DataError(
    `collatePrompts: a prompt must hold as many image placeholders as its ${grids.length} images have tokens; got ${found}. Make prompts with tokenizePrompt.`,
    { found, images: grids.length },
  );
}
