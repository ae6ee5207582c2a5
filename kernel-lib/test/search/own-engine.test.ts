import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError, EnvironmentError } from "../../src/base/errors";
import type { Matrix } from "../../src/base/types";
import { ENGINES, findEngine, openIndex } from "../../src/search/engines";
import { createFlatIndex } from "../../src/search/flat-index";
import {
  assertCorpus,
  assertQueries,
  disposedError,
  type EngineSettings,
  type Hits,
  type IndexEngine,
  measureRecall,
  rowsOf,
  TopK,
  type VectorIndex,
} from "../../src/search/vector-index";
import { clusteredRows, idsOf } from "./helpers";

/** What a stranger writes to add an engine: one file like this, and a line in search/engines.ts. It looks at every `stride`-th row. */
interface StrideSettings extends EngineSettings {
  /** Default 1: all rows. */
  readonly stride?: number;
}

function strideIndex(ids: readonly string[], embeddings: Matrix, { stride = 1 }: StrideSettings): VectorIndex {
  assertCorpus("strideEngine", ids, embeddings);
  let rows: Matrix | null = embeddings;
  const index: VectorIndex = {
    kind: "stride",
    size: ids.length,
    dimension: embeddings.cols,
    ids,
    search: async (queries, k, options = {}) => {
      if (rows === null) throw disposedError("stride");
      assertQueries(index, queries, k, options);
      const held = rows;
      return Array.from({ length: queries.rows }, (_, q) => {
        const best = new TopK(k);
        const query = rowsOf(queries, q, q + 1);
        for (let row = 0; row < held.rows; row += stride) {
          best.push(
            row,
            rowsOf(held, row, row + 1).reduce((sum, value, i) => sum + value * query[i]!, 0),
          );
        }
        return { ids: best.positions.map((row) => ids[row]!), positions: best.positions, scores: best.scores };
      });
    },
    save: async (folder) => {
      await mkdir(folder, { recursive: true });
      const { rows: size, cols } = embeddings;
      await writeFile(
        join(folder, "stride.json"),
        JSON.stringify({ ids, size, cols, stride, data: [...embeddings.data] }),
      );
    },
    dispose: () => {
      rows = null;
    },
  };
  return index;
}

const strideEngine = {
  kind: "stride",
  title: "every n-th row",
  missing: "the machine has no strides",
  settings: ["stride"],
  build: async (ids, embeddings, settings) => strideIndex(ids, embeddings, settings),
  load: async (folder) => {
    const { ids, size, cols, stride, data } = JSON.parse(await readFile(join(folder, "stride.json"), "utf8"));
    return strideIndex(ids, { data: Float32Array.from(data), rows: size, cols }, { stride });
  },
} as const satisfies IndexEngine<StrideSettings>;

const CORPUS = clusteredRows(60, 8, 1);
const QUERIES = clusteredRows(5, 8, 2);
const IDS = idsOf(60);
const lists = (hits: readonly Hits[]) => hits.map(({ ids }) => ids);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "own-engine-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("an engine from outside", () => {
  test("is opened like a listed one, with its own settings, and says why it serves", async () => {
    const options = { engine: strideEngine, stride: 2 };
    const { index, choice } = await openIndex(IDS, CORPUS, options);
    expect(choice).toEqual({ kind: "stride", why: "every n-th row: asked for" });
    const [hits] = await index.search(QUERIES, 5);
    expect(hits!.positions.every((row) => row % 2 === 0)).toBe(true);
  });

  test("is judged by the same recall, saved and loaded as any other", async () => {
    const { index } = await openIndex(IDS, CORPUS, { engine: strideEngine });
    expect((await measureRecall(index, createFlatIndex(IDS, CORPUS), QUERIES, 5)).recall).toBe(1);
    await index.save(folder);
    const loaded = await strideEngine.load(folder);
    expect(lists(await loaded.search(QUERIES, 5))).toEqual(lists(await index.search(QUERIES, 5)));
    index.dispose();
    await expect(index.search(QUERIES, 5)).rejects.toThrow(/stride index must not be used after dispose/);
  });

  test("that cannot work here leaves its place to exact search, and the reason is its own", async () => {
    const absent: IndexEngine = {
      ...strideEngine,
      build: async () => {
        throw new EnvironmentError("strideEngine: not here.", {});
      },
    };
    const warnings: unknown[][] = [];
    const control = { onWarn: (...said: unknown[]) => warnings.push(said) };
    const { index, choice } = await openIndex(IDS, CORPUS, { engine: absent, control });
    expect([index.kind, choice.why]).toEqual(["flat", "exact search: the machine has no strides"]);
    expect(warnings).toEqual([["exact-index", "openIndex: searching exactly instead. strideEngine: not here.", {}]]);
    expect((await openIndex(IDS, CORPUS, { engine: absent })).index.kind).toBe("flat"); // nobody asked to be told
    expect((await openIndex(IDS, CORPUS, { engine: absent, control: {} })).index.kind).toBe("flat");
  });

  test.each([
    ["what it needs is missing, though it said that it works everywhere", null, new EnvironmentError("no strides.")],
    ["a setting is wrong", "the machine has no strides", new ConfigError("stride must be at least 1.")],
    ["it is broken", "the machine has no strides", new RangeError("broken")],
  ])("is not replaced where %s", async (_case, missing, error) => {
    const failing: IndexEngine = { ...strideEngine, missing, build: () => Promise.reject(error) };
    await expect(openIndex(IDS, CORPUS, { engine: failing })).rejects.toBe(error);
  });

  test("is not taken beside a preference for another one", async () => {
    await expect(openIndex(IDS, CORPUS, { engine: strideEngine, prefer: "hnsw" })).rejects.toMatchObject({
      message: 'openIndex: prefer must be left out with an engine; got "hnsw" beside "stride".',
      details: { engine: "stride", prefer: "hnsw" },
    });
    await expect(openIndex(IDS, CORPUS, { prefer: "best" as "flat" })).rejects.toThrow(
      /prefer must be one of auto, flat/,
    );
  });
});

test("every listed engine is found by its kind, builds an index of that kind, and an unknown one is refused", async () => {
  expect(ENGINES.map(({ kind }) => kind)).toEqual(["flat", "hnsw"]);
  for (const { kind } of ENGINES) {
    const index = await findEngine("test", kind).build(IDS, CORPUS, {});
    expect(index.kind).toBe(kind);
    index.dispose();
  }
  expect(() => findEngine("test", "milvus")).toThrow(/kind must be one of flat, hnsw; got "milvus"/);
});
