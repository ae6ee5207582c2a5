import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../../../src/compute/safetensors";
import { parseQwen2VlConfig } from "../../../src/models/qwen2-vl/config";
import { multimodalPositionIds } from "../../../src/models/qwen2-vl/model";
import { tokensOf } from "../../../src/models/qwen2-vl/processor";
import { assembleQwen2Vl, type Qwen2Vl, type Qwen2VlParts, toModuleName } from "../../../src/models/qwen2-vl/weights";
import type { PatchGroup } from "../../../src/models/vision-language/model";
import type { PromptBatch, TokenPosition } from "../../../src/models/vision-language/prompt-batch";
import type { WeightArray } from "../../../src/models/weights/parameters";

/** Numbers transformers and PEFT computed, see reference/qwen2-vl/make-reference.py. */
export interface ReferenceNumbers {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  readonly image_grid_thw: [number, number, number][];
  readonly pixel_values: number[];
  readonly logits: number[];
  readonly image_tokens: number[];
  readonly generated: number[][] | null;
  readonly full: { readonly loss: number; readonly gradients: Record<string, number> };
  readonly lora: { readonly loss: number; readonly logits: number[]; readonly gradients: Record<string, number[]> };
}

export interface ReferenceCase {
  readonly folder: string;
  readonly model: Qwen2Vl;
  readonly batch: PromptBatch;
  readonly numbers: ReferenceNumbers;
}

const PARTS = {
  tokenizer: { vocabularySize: 48, decode: (ids: ArrayLike<number>) => Array.from(ids).join(" ") },
  imageConfig: { patchSize: 2, mergeSize: 2, temporalPatchSize: 2 },
  chatTemplate: "",
} as unknown as Qwen2VlParts;

/** Loads one stored case; the caller disposes `model`. */
export function loadReference(name: "tied" | "untied"): ReferenceCase {
  const folder = join(__dirname, "../../reference/qwen2-vl", name);
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const numbers = json("reference.json") as ReferenceNumbers;
  const { tensors } = readSafetensors(join(folder, "model.safetensors"));
  const weights = new Map([...tensors].map(([key, tensor]) => [toModuleName(key), tensor as WeightArray]));
  const model = assembleQwen2Vl(parseQwen2VlConfig(json("config.json")), PARTS, weights);
  return { folder, model, batch: batchOf(model, numbers), numbers };
}

/** Positions of all real tokens, row by row. */
export function realPositions(batch: PromptBatch): TokenPosition[] {
  const positions: TokenPosition[] = [];
  batch.attentionMask.forEach((real, i) => {
    if (real === 1) positions.push({ row: Math.floor(i / batch.columns), column: i % batch.columns });
  });
  return positions;
}

function batchOf({ config }: Qwen2Vl, numbers: ReferenceNumbers): PromptBatch {
  const merge = config.vision.spatialMergeSize;
  const grids = numbers.image_grid_thw.map(([frames, height, width]) => ({ frames, height, width }));
  const { groups, offsets } = groupImages(grids, numbers.pixel_values, merge);
  const rows = numbers.input_ids.length;
  const columns = numbers.input_ids[0]!.length;
  const size = rows * columns;
  const positionIds = new Int32Array(3 * size);
  const slots = new Int32Array(size).fill(-1);
  const nextPositionIds = new Int32Array(rows);
  const lastColumns = new Int32Array(rows);
  let image = 0;
  numbers.input_ids.forEach((padded, row) => {
    const start = numbers.attention_mask[row]!.indexOf(1);
    const ids = padded.filter((_, i) => numbers.attention_mask[row]![i] === 1);
    const count = ids.filter((id) => id === 3).length;
    const own = grids.slice(image, image + count);
    const placed = multimodalPositionIds(ids, own, { imageTokenId: config.imageTokenId, spatialMergeSize: merge });
    for (let axis = 0; axis < 3; axis++)
      positionIds.set(
        placed.positionIds.subarray(axis * ids.length, (axis + 1) * ids.length),
        axis * size + row * columns + start,
      );
    const imageSlots = own.flatMap((grid, i) =>
      Array.from({ length: tokensOf(grid, merge) }, (_, t) => offsets[image + i]! + t),
    );
    ids.forEach((id, i) => {
      if (id === config.imageTokenId) slots[row * columns + start + i] = imageSlots.shift()!;
    });
    nextPositionIds[row] = placed.next;
    lastColumns[row] = start + ids.length - 1;
    image += count;
  });
  return {
    rows,
    columns,
    inputIds: Int32Array.from(numbers.input_ids.flat()),
    attentionMask: Uint8Array.from(numbers.attention_mask.flat()),
    positionIds,
    nextPositionIds,
    lastColumns,
    slots,
    images: { kind: "patches", groups },
    answers: null,
  };
}

function groupImages(
  grids: readonly { frames: number; height: number; width: number }[],
  pixels: readonly number[],
  merge: number,
): { groups: PatchGroup[]; offsets: number[] } {
  const keys = grids.map((grid) => `${grid.height}x${grid.width}`);
  const offsets: number[] = new Array(grids.length).fill(0);
  const depth = pixels.length / grids.reduce((sum, grid) => sum + grid.height * grid.width, 0);
  let tokens = 0;
  const groups = [...new Set(keys)].map((key): PatchGroup => {
    const members = keys.flatMap((other, i) => (other === key ? [i] : []));
    const patches: number[] = [];
    for (const member of members) {
      const before = grids.slice(0, member).reduce((sum, grid) => sum + grid.height * grid.width, 0);
      const { height, width } = grids[member]!;
      patches.push(...pixels.slice(before * depth, (before + height * width) * depth));
      offsets[member] = tokens;
      tokens += tokensOf(grids[member]!, merge);
    }
    return { grid: grids[members[0]!]!, numImages: members.length, patches: Float32Array.from(patches) };
  });
  return { groups, offsets };
}
