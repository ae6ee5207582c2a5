import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import type { Matrix, RasterImage } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { readSafetensors, writeSafetensors } from "../../src/compute/safetensors";
import { type Clip, loadClip } from "../../src/models/clip/weights";
import { createDualHead } from "../../src/retriever/dual-head";
import {
  createLearnedTower,
  embedInBatches,
  type LearnedTower,
  loadLearnedTower,
} from "../../src/retriever/learned-tower";
import { mixEmbeddings, normaliseRows } from "../../src/retriever/mix";
import { rerankAtRandom, retrieve } from "../../src/retriever/retrieve";
import type { VectorIndex } from "../../src/search/vector-index";
import { refusal } from "../data/helpers";

let clip: Clip;
let folder: string;
beforeAll(async () => {
  await openBackend();
  clip = loadClip(join(__dirname, "..", "reference", "clip", "model"));
  folder = mkdtempSync(join(tmpdir(), "tower-edges-"));
});
afterAll(() => {
  clip.dispose();
  rmSync(folder, { recursive: true });
});

const matrix = (rows: number, cols: number, value = 1): Matrix => ({
  data: new Float32Array(rows * cols).fill(value),
  rows,
  cols,
});

/** A tower that answers with each picture's first byte, and notes how many it was given at once. */
function numberedTower(): LearnedTower & { readonly batches: number[]; disposed: number } {
  const batches: number[] = [];
  return {
    batches,
    disposed: 0,
    variables: [],
    embed: (images) => {
      batches.push(images.length);
      return tf.tensor2d(
        images.map(({ data }) => [data[0]!, 1]),
        [images.length, 2],
      );
    },
    dispose() {
      this.disposed++;
    },
  };
}
const numbered = (count: number): RasterImage[] =>
  Array.from({ length: count }, (_, i) => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(i) }));

describe("embedInBatches", () => {
  test.each([
    [64, [64]],
    [130, [64, 64, 2]],
    [3, [3]],
  ])("%i pictures are embedded in order, 64 at once", async (count, batches) => {
    const tower = numberedTower();
    const before = tf.memory().numTensors;
    const { data, rows, cols } = await embedInBatches(tower, numbered(count));
    expect([rows, cols, tower.batches]).toEqual([count, 2, batches]);
    expect([...data]).toEqual(Array.from({ length: count }, (_, i) => [i, 1]).flat());
    expect(tf.memory().numTensors).toBe(before);
  });

  test("of nothing is an empty matrix, and stops when it is interrupted", async () => {
    expect(await embedInBatches(numberedTower(), [])).toEqual({ data: new Float32Array(0), rows: 0, cols: 0 });
    const signal = AbortSignal.abort();
    const { code, message } = await refusal(() => embedInBatches(numberedTower(), numbered(1), { signal }));
    expect([code, message.startsWith("embedInBatches: ")]).toEqual(["interrupted", true]);
  });
});

test("a saved tower is refused with a weight too few, one too many, or one of another type", async () => {
  const tower = createLearnedTower(clip);
  const file = join(folder, "tower.safetensors");
  tower.save(file);
  tower.dispose();
  const weights = [...readSafetensors(file).tensors];
  const [name, first] = weights[0]!;
  const write = (entries: typeof weights): string => {
    const path = join(folder, `${entries.length}-${String(entries[0]![1].dtype)}.safetensors`);
    writeSafetensors(path, entries);
    return path;
  };
  const whole = first.shape.reduce((product, n) => product * n, 1);
  const integers = { dtype: "I32" as const, shape: first.shape, data: new Int32Array(whole) };
  const files: [string, string][] = [
    [write(weights.slice(1)), `${weights.length - 1}, ${name} missing`],
    [write([...weights, ["one.more", first]]), `${weights.length + 1}, `],
    [write([[name, integers], ...weights.slice(1)]), `${weights.length}, ${name} present`],
  ];
  const before = tf.memory().numTensors;
  for (const [path, got] of files) {
    const { message, details } = await refusal(() => loadLearnedTower(clip, path));
    expect(message).toContain(`must hold the ${weights.length} weights of the image tower; got ${got}`);
    expect(details).toMatchObject({ file: path });
  }
  expect((await refusal(() => loadLearnedTower(clip, files[0]![0]))).details).toEqual({ file: files[0]![0], name });
  expect(tf.memory().numTensors).toBe(before);
});

test("disposing a retriever disposes its towers", () => {
  const tower = numberedTower();
  createDualHead({ encodeFrozen: async () => matrix(1, 2), towers: { image: tower } }).dispose();
  expect(tower.disposed).toBe(1);
});

test("the weight of the learned query is the paper's unless another is asked for", () => {
  const options = { encodeFrozen: async () => matrix(1, 2) };
  expect(createDualHead(options).learnedWeight).toBe(0.15);
  expect(createDualHead({ ...options, learnedWeight: 0.5 }).learnedWeight).toBe(0.5);
});

test("mixing refuses other numbers of queries and of columns, with both shapes", async () => {
  const more = await refusal(() => mixEmbeddings(matrix(2, 3), matrix(1, 3)));
  expect(more).toMatchObject({ code: "shape", details: { learned: [2, 3], frozen: [1, 3] } });
  const wider = await refusal(() => mixEmbeddings(matrix(1, 3), matrix(1, 4)));
  expect(wider.details).toEqual({ learned: [1, 3], frozen: [1, 4] });
  expect((await refusal(() => mixEmbeddings(matrix(1, 1), matrix(1, 1), 2))).message).toMatch(
    /^mixEmbeddings: learnedWeight /,
  );
  const zero = await refusal(() => normaliseRows({ data: Float32Array.of(1, 0, 0, 0), rows: 2, cols: 2 }));
  expect(zero.details).toEqual({ row: 1, length: 0 });
});

describe("retrieve", () => {
  /** An index that finds nothing and notes what it was asked. */
  const deaf = () => {
    const asked: unknown[][] = [];
    const search = async (...call: unknown[]) => {
      asked.push(call.slice(1));
      return [{ ids: [], scores: [] }];
    };
    return { asked, index: { search } as unknown as VectorIndex };
  };
  const queries = { image: matrix(1, 2), text: matrix(1, 2) };

  test("asks each head for two unless told otherwise, and passes on only what it was given", async () => {
    const { asked, index } = deaf();
    await retrieve({ image: index, text: index }, queries);
    const { signal } = new AbortController();
    await retrieve({ image: index, text: index }, queries, { numPerHead: 5, excludeIds: [["a"]], control: { signal } });
    await retrieve({ image: index, text: index }, queries, { control: {} });
    expect(asked).toEqual([
      [2, {}],
      [2, {}],
      [5, { excludeIds: [["a"]], control: { signal } }],
      [5, { excludeIds: [["a"]], control: { signal } }],
      [2, {}],
      [2, {}],
    ]);
  });

  test("names itself and what it refuses", async () => {
    const { index } = deaf();
    const views = { image: index, text: index };
    const none = await refusal(() => retrieve(views, queries, { numPerHead: 0 }));
    expect(none.message).toMatch(/^retrieve: numPerHead must be a whole number in \[1, /);
    const uneven = await refusal(() => retrieve(views, { ...queries, text: matrix(3, 2) }));
    expect(uneven.details).toEqual({ image: 1, text: 3 });
    const odd = await refusal(() => rerankAtRandom([], { numPerHead: 0.5, random: createRandom(1) }));
    expect(odd.message).toMatch(/^rerankAtRandom: numPerHead must be/);
  });
});
