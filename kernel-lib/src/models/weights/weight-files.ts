import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { assertInteger } from "../../base/check";
import {
  openSafetensors,
  type SafetensorsIndex,
  type StoredTensor,
  storedBytes,
  writeSafetensors,
} from "../../compute/safetensors";
import { findWeightsFile, readShardIndex, WEIGHTS_FILE, WEIGHTS_INDEX, wrongIndex } from "../../hub/model-files";
import { writeFileAtomic } from "../../store/files";
import type { WeightArray } from "./parameters";

export interface WriteWeightsOptions {
  /** Most bytes of tensors in one file; a larger one is written alone. Default 5 GB, as transformers. */
  readonly maxShardBytes?: number;
  /** Name of the one file, for a layout that knows no shards. Default model.safetensors, or shards. */
  readonly file?: string;
}

/**
 * The tensors of a folder, of whatever type: model.safetensors, or the shards that model.safetensors.index.json lists.
 *
 * Memory: headers only. Each weight is read from its file whenever its `data` is asked for.
 *
 * @throws DataError when a file is missing or broken, or index and shards disagree.
 */
export function readWeights(folder: string): Map<string, WeightArray> {
  const single = findWeightsFile(folder);
  const stored = single === null ? readShards(folder) : tensorsOf(openSafetensors(join(folder, single)));
  const weights = new Map<string, WeightArray>();
  for (const [name, tensor] of stored) if (!CONSTANTS.test(name)) weights.set(name, toWeight(tensor));
  return weights;
}

/** What older files also hold: the constants 0, 1, 2 …, and rotary frequencies, which the configuration says. */
const CONSTANTS =
  /(^|\.)(position_ids|rotary_emb\.inv_freq|rotary_pos_emb\.inv_freq|patch_positional_embedding\.inv_freq)$/;

/** A tensor of a file, not read yet. */
interface UnreadTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  read(): StoredTensor["data"];
}

function tensorsOf(file: SafetensorsIndex): [string, UnreadTensor][] {
  return [...file.entries].map(([name, entry]) => [name, { ...entry, read: () => file.read(name).data }]);
}

function readShards(folder: string): [string, UnreadTensor][] {
  const places = readShardIndex(folder);
  const tensors: [string, UnreadTensor][] = [];
  for (const file of new Set(places.values())) {
    if (!existsSync(join(folder, file))) throw wrongIndex(folder, `lists ${file}, which is not there`);
    for (const [name, tensor] of tensorsOf(openSafetensors(join(folder, file)))) {
      const listed = places.get(name) ?? "none";
      if (listed !== file) throw wrongIndex(folder, `must list tensor ${name} of ${file}; it names ${listed}`);
      tensors.push([name, tensor]);
      places.delete(name);
    }
  }
  const [lost] = places;
  if (lost !== undefined) throw wrongIndex(folder, `lists tensor ${lost[0]} in ${lost[1]}, which does not hold it`);
  return tensors;
}

const WEIGHT_TYPES: readonly string[] = ["F32", "F16", "BF16"];

function toWeight({ dtype, shape, read }: UnreadTensor): WeightArray {
  return {
    shape,
    ...(WEIGHT_TYPES.includes(dtype) ? {} : { unusable: dtype }),
    get data() {
      return read() as Float32Array;
    },
  };
}

/**
 * Writes weights in 32 bits as model.safetensors, or, above `maxShardBytes`, as shards with their index.
 *
 * Memory: one weight at a time where `data` is made when asked.
 *
 * @throws ConfigError when maxShardBytes is no positive whole number. ShapeError when values do not fit their shape.
 */
export function writeWeights(
  folder: string,
  weights: ReadonlyMap<string, WeightArray>,
  { maxShardBytes = 5e9, file }: WriteWeightsOptions = {},
): void {
  assertInteger("writeWeights: maxShardBytes", maxShardBytes, 1);
  const shards = packShards(weights, file === undefined ? maxShardBytes : Number.POSITIVE_INFINITY);
  if (shards.length <= 1) {
    writeSafetensors(join(folder, file ?? WEIGHTS_FILE), shards[0] ?? []);
    rmSync(join(folder, WEIGHTS_INDEX), { force: true });
    return;
  }
  const places: Record<string, string> = {};
  let total = 0;
  shards.forEach((shard, i) => {
    const number = (value: number): string => String(value).padStart(5, "0");
    const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    writeSafetensors(join(folder, file), shard);
    for (const [name, tensor] of shard) {
      places[name] = file;
      total += storedBytes(tensor);
    }
  });
  const index = { metadata: { total_size: total }, weight_map: places };
  writeFileAtomic(join(folder, WEIGHTS_INDEX), `${JSON.stringify(index, null, 2)}\n`);
  rmSync(join(folder, WEIGHTS_FILE), { force: true }); // a reader would take it before the shards
}

function packShards(weights: ReadonlyMap<string, WeightArray>, most: number): [string, StoredTensor][][] {
  const shards: [string, StoredTensor][][] = [];
  let room = 0;
  for (const [name, weight] of weights) {
    const tensor: StoredTensor = {
      dtype: "F32",
      shape: weight.shape,
      get data() {
        return weight.data;
      },
    };
    const bytes = storedBytes(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = most;
    }
    shards.at(-1)!.push([name, tensor]);
    room -= bytes;
  }
  return shards;
}
