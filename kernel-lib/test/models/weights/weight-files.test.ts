import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { loadPixtral } from "../../../src/models/pixtral/weights";
import { readCheckpoint, writeCheckpoint } from "../../../src/models/weights/model-folder";
import type { WeightArray } from "../../../src/models/weights/parameters";
import { readWeights, writeWeights } from "../../../src/models/weights/weight-files";

let folder: string;
beforeAll(async () => {
  await openBackend();
}, 60_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weights-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const vector = (...values: number[]): WeightArray => ({ shape: [values.length], data: Float32Array.from(values) });
const weights = new Map([
  ["a", vector(1, 2)],
  ["b", vector(3, 4, 5)],
  ["c", vector(6)],
]);

const indexFile = (): string => join(folder, "model.safetensors.index.json");
const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/** Writes two shards of [a] and [b, c] and changes their index. */
function withIndex(change: (map: Record<string, unknown>) => unknown): () => unknown {
  writeWeights(folder, weights, { maxShardBytes: 4 * 4 });
  const { weight_map: map } = JSON.parse(readFileSync(indexFile(), "utf8"));
  writeFileSync(indexFile(), JSON.stringify({ weight_map: change(map) }));
  return () => readWeights(folder);
}

describe("writeWeights and readWeights", () => {
  it("split what is larger than a shard and put it together again", () => {
    writeWeights(folder, weights, { maxShardBytes: 4 * 4 });
    expect(readdirSync(folder)).toEqual([...shards, "model.safetensors.index.json"]);
    const index = JSON.parse(readFileSync(indexFile(), "utf8"));
    expect(index).toEqual({
      metadata: { total_size: 4 * 6 },
      weight_map: { a: shards[0], b: shards[1], c: shards[1] },
    });
    expect(readWeights(folder)).toEqual(weights);
  });

  it("leave no file behind that would be read instead", () => {
    writeWeights(folder, new Map([["old", vector(1)]]));
    writeWeights(folder, weights, { maxShardBytes: 16 });
    expect(existsSync(join(folder, "model.safetensors"))).toBe(false);
    expect(readWeights(folder)).toEqual(weights);
    writeWeights(folder, weights);
    expect(existsSync(indexFile())).toBe(false);
    expect(readWeights(folder)).toEqual(weights);
  });

  it("read each weight when it is asked for", () => {
    writeWeights(folder, weights);
    const read = readWeights(folder);
    rmSync(join(folder, "model.safetensors"));
    expect(read.get("b")!.shape).toEqual([3]);
    expect(() => read.get("b")!.data).toThrow("cannot be opened");
  });

  it("give a model the same weights from shards as from one file", () => {
    const source = join(__dirname, "../../reference/pixtral/tied");
    writeCheckpoint(folder, readCheckpoint(source), { maxShardBytes: 20_000 });
    expect(readdirSync(folder).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(3);
    const [one, many] = [loadPixtral(source), loadPixtral(folder)];
    expect(many.parameters.export()).toEqual(one.parameters.export());
    one.dispose();
    many.dispose();
  });

  it.each<[string, (map: Record<string, unknown>) => unknown, string]>([
    ["no map", () => [], "must hold a weight_map"],
    [
      "a path",
      (map) => ({ ...map, a: "../a.safetensors" }),
      'must name a .safetensors file beside it for a; got "../a.safetensors"',
    ],
    ["a lost shard", (map) => ({ ...map, a: "other.safetensors" }), "lists other.safetensors, which is not there"],
    [
      "a tensor in another shard",
      (map) => ({ ...map, c: shards[0] }),
      `must list tensor c of ${shards[1]}; it names ${shards[0]}`,
    ],
    ["a tensor that is not listed", ({ c: _, ...map }) => map, `must list tensor c of ${shards[1]}; it names none`],
    [
      "a tensor that is nowhere",
      (map) => ({ ...map, d: shards[1] }),
      `lists tensor d in ${shards[1]}, which does not hold it`,
    ],
  ])("refuse an index with %s", (_name, change, message) => {
    expect(withIndex(change)).toThrow(message);
  });

  it("refuse a folder without weights and an index that is no JSON", () => {
    expect(() => readWeights(folder)).toThrow("must hold model.safetensors; there is none");
    writeFileSync(indexFile(), "{");
    expect(() => readWeights(folder)).toThrow("model.safetensors.index.json must be a JSON file");
  });
});
