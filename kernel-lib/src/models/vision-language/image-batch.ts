import { setImmediate as nextTick } from "node:timers/promises";
import { assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import type { Control, RasterImage } from "../../base/types";
import type { PatchGrid, PatchGroup, VisionLanguageModel } from "./model";

/** What the vision tower made of an image: [tokens, hiddenSize], row by row. */
export interface ImageTokens {
  readonly tokens: Float32Array;
  readonly grid: PatchGrid;
}

/** The images of a batch, each different one once: cut into patches, or read by the vision tower already. */
export type BatchImages =
  | { readonly kind: "patches"; readonly groups: readonly PatchGroup[] }
  | { readonly kind: "tokens"; readonly tokens: Float32Array };

/** The images of a batch and where their tokens stand. */
export interface ImageTable {
  readonly images: BatchImages;
  readonly grids: ReadonlyMap<RasterImage, PatchGrid>;
  /** First token of each image. */
  readonly offsets: ReadonlyMap<RasterImage, number>;
}

/**
 * Gathers images, each different one once: cut into patches, or as tokens where `vision` is given.
 *
 * @throws DataError when `vision` lacks an image.
 */
export function gatherImages(
  model: VisionLanguageModel,
  images: readonly RasterImage[],
  vision: ReadonlyMap<RasterImage, ImageTokens> | undefined,
): ImageTable {
  const different = [...new Set(images)];
  if (vision === undefined) {
    const groups = groupPatches(model, different);
    return {
      images: { kind: "patches", groups: groups.map(({ group }) => group) },
      grids: new Map(groups.flatMap(({ members, group }) => members.map((image) => [image, group.grid] as const))),
      offsets: offsetsOf(
        groups.flatMap(({ members, group }) =>
          members.map((image) => [image, model.imageProcessor.tokensOf(group.grid)] as const),
        ),
      ),
    };
  }
  const known = different.map((image): [RasterImage, ImageTokens] => {
    const tokens = vision.get(image);
    if (tokens !== undefined) return [image, tokens];
    throw new DataError(
      "collatePrompts: vision must hold every image of the batch; one is missing. Add it with encodeVision.",
    );
  });
  const width = model.config.text.hiddenSize;
  const sizes = known.map(([image, { tokens }]): [RasterImage, number] => [image, tokens.length / width]);
  const offsets = offsetsOf(sizes);
  const total = new Float32Array(known.reduce((sum, [, { tokens }]) => sum + tokens.length, 0));
  for (const [image, { tokens }] of known) total.set(tokens, offsets.get(image)! * width);
  return {
    images: { kind: "tokens", tokens: total },
    grids: new Map(known.map(([image, { grid }]) => [image, grid])),
    offsets,
  };
}

function offsetsOf(sizes: readonly (readonly [RasterImage, number])[]): Map<RasterImage, number> {
  let offset = 0;
  return new Map(
    sizes.map(([image, size]) => {
      offset += size;
      return [image, offset - size];
    }),
  );
}

/** Cuts images into patches, those of one size together. */
export function groupPatches(
  model: VisionLanguageModel,
  images: readonly RasterImage[],
): { members: RasterImage[]; group: PatchGroup }[] {
  const bySize = new Map<string, { members: RasterImage[]; grid: PatchGrid; cut: Float32Array[] }>();
  for (const image of images) {
    const grid = model.imageProcessor.gridOf(image);
    const key = `${grid.frames}x${grid.height}x${grid.width}`;
    const entry = bySize.get(key) ?? { members: [], grid, cut: [] };
    entry.members.push(image);
    entry.cut.push(model.imageProcessor.patchesOf(image));
    bySize.set(key, entry);
  }
  return [...bySize.values()].map(({ members, grid, cut }) => {
    const size = cut[0]!.length;
    const patches = new Float32Array(size * cut.length);
    cut.forEach((part, i) => {
      patches.set(part, i * size);
    });
    return { members, group: { grid, numImages: members.length, patches } };
  });
}

const BATCH_SIZE = 64;

/**
 * Runs the vision tower over images, without gradient: what a frozen tower needs once per image.
 *
 * Each pass has the same shape, so an image's tokens are the same bits whatever else is asked for with it.
 * Put the results into a map and give it to `collatePrompts` as `vision`. Images of one size are read 64 at a time.
 *
 * @throws InterruptedError when the control's signal is aborted.
 */
export async function encodeVision(
  model: VisionLanguageModel,
  images: readonly RasterImage[],
  control?: Control,
): Promise<ImageTokens[]> {
  const width = model.config.text.hiddenSize;
  const known = new Map<RasterImage, ImageTokens>();
  const different = [...new Set(images)];
  for (let start = 0; start < different.length; start += BATCH_SIZE) {
    await nextTick(); // tfjs-node computes synchronously: let signals and displays through
    assertNotInterrupted("encodeVision", control?.signal);
    for (const { members, group } of groupPatches(model, different.slice(start, start + BATCH_SIZE))) {
      const output = model.visionTower.run(model.parameters, fillUp(group));
      const values = (await output.data()) as Float32Array;
      output.dispose();
      const size = (output.shape[0] / BATCH_SIZE) * width;
      members.forEach((image, i) => {
        known.set(image, { tokens: values.slice(i * size, (i + 1) * size), grid: group.grid });
      });
    }
    const done = Math.min(start + BATCH_SIZE, different.length);
    control?.onProgress?.({ stage: "encodeVision", done, total: different.length });
  }
  return images.map((image) => known.get(image)!);
}

/** The group with empty images added up to a full batch: a matrix product's rounding depends on its shape. */
function fillUp(group: PatchGroup): PatchGroup {
  const perImage = group.patches.length / group.numImages;
  const patches = new Float32Array(BATCH_SIZE * perImage);
  patches.set(group.patches);
  return { ...group, numImages: BATCH_SIZE, patches };
}
