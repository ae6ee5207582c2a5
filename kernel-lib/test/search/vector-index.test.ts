import { performance } from "node:perf_hooks";
import { describe, expect, it, vi } from "vitest";
import { createFlatIndex, javaScriptScanner } from "../../src/search/flat-index";
import { loadSearchAddon } from "../../src/search/search-addon";
import {
  acceptedPositions,
  assertCorpus,
  assertQueries,
  disposedError,
  inPieces,
  meanRecall,
  measureRecall,
  reaches,
  searchTimed,
} from "../../src/search/vector-index";
import { clusteredRows, idsOf, matrix } from "./helpers";

const THREE = matrix([[3], [2], [1]]);
const index = createFlatIndex(["a", "b", "c"], THREE);
const hitsOf = (scores: readonly number[]) => ({ ids: scores.map(String), positions: scores.map((_, i) => i), scores });

describe("what every engine refuses, in its own name", () => {
  const empty = { data: new Float32Array(), rows: 0, cols: 0 };
  it.each([
    [["a"], THREE, "shape", "test: ids must have 3 entries; got 1."],
    [["a", "b", "c"], { ...THREE, cols: 2 }, "shape", "test: embeddings.data must have 6 entries; got 3."],
    [[], { ...empty, cols: 2 }, "shape", "test: embeddings must have at least one row and column; got [0, 2]."],
    [["a"], { ...empty, rows: 1 }, "shape", "test: embeddings must have at least one row and column; got [1, 0]."],
    [["a"], matrix([[Number.NaN]]), "numeric", "test: embeddings must be finite; got NaN at position 0."],
    [["a", "b", "a"], THREE, "data", 'test: ids must be distinct; got "a" twice.'],
  ])("as a corpus: ids %j", (ids, corpus, code, message) => {
    expect(() => assertCorpus("test", ids, corpus)).toThrow(expect.objectContaining({ code, message }));
  });

  it("and names the id that is there twice", () => {
    expect(() => assertCorpus("test", ["a", "b", "b"], THREE)).toThrow(
      expect.objectContaining({ details: { id: "b" } }),
    );
  });

  it("and says which value cannot be read, and of what kind it is", () => {
    const wide = { rows: 1, cols: 1, data: Float64Array.of(1) } as unknown as typeof THREE;
    expect(() => assertCorpus("test", ["a"], wide)).toThrow(
      expect.objectContaining({ code: "config", details: { where: "test: embeddings", kind: "Float64Array" } }),
    );
    expect(() => assertCorpus("test", ["a"], matrix([[1, -2e15]]))).toThrow(
      expect.objectContaining({ code: "numeric", details: { index: 1, value: Math.fround(-2e15) } }),
    );
  });

  const one = matrix([[1]]);
  it.each([
    [matrix([[1, 2]]), 1, {}, "search: queries must have shape [any, 1]; got [1, 2]."],
    [{ ...one, rows: 2 }, 1, {}, "search: queries.data must have 2 entries; got 1."],
    [matrix([[Infinity]]), 1, {}, "search: queries must be finite; got Infinity at position 0."],
    [one, 0, {}, "search: k must be a whole number in [1, 9007199254740991]; got 0."],
    [one, 1, { excludeIds: [[], []] }, "search: excludeIds must have 1 entries; got 2."],
  ])("as queries: %j", (queries, k, options, message) => {
    expect(() => assertQueries(index, queries, k, options)).toThrow(message);
  });

  it("after dispose()", () => {
    expect(disposedError("flat").message).toBe(
      "search: the flat index must not be used after dispose(). Create or load it again.",
    );
    const gone = createFlatIndex(["a"], matrix([[1]]));
    gone.dispose();
    return expect(gone.search(matrix([[1]]), 1)).rejects.toThrow(/the exact index must not be used after dispose/);
  });
});

it("acceptedPositions marks what may be found; all where nothing is asked", () => {
  expect([...acceptedPositions(["a", "b", "c"], (id) => id !== "b")]).toEqual([1, 0, 1]);
  expect([...acceptedPositions(["a", "b"], undefined)]).toEqual([1, 1]);
});

describe("inPieces", () => {
  it("does every piece once, tells how far it is, and lets the event loop turn between them", async () => {
    const [pieces, told]: [number[][], unknown[]] = [[], []];
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const control = { onProgress: (event: unknown) => told.push(event) };
    await inPieces({ stage: "work", count: 5, size: 2, control }, async (first, last) => {
      pieces.push([first, last]);
      const until = performance.now() + 3;
      while (performance.now() < until);
    });
    clearInterval(count);
    expect(pieces).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    expect(told).toEqual([2, 4, 5].map((done) => ({ stage: "work", done, total: 5 })));
    expect(turns).toBeGreaterThan(0);
    await inPieces({ stage: "work", count: 0, size: 2 }, () => Promise.reject(new Error("nothing to do")));
  });

  it("stops before the next piece, in the name of its stage", async () => {
    const stop = new AbortController();
    const pieces: number[] = [];
    const working = inPieces({ stage: "work", count: 5, size: 2, control: stop }, async (first) => {
      pieces.push(first);
      stop.abort();
    });
    await expect(working).rejects.toMatchObject({ code: "interrupted", message: expect.stringMatching(/^work: /) });
    expect(pieces).toEqual([0]);
  });
});

describe("an exact search", () => {
  const corpus = clusteredRows(4, 2, 1); // 8 numbers
  const queries = clusteredRows(5, 2, 2);

  it("compares no more at once than a call may, and at most 128 queries", async () => {
    const done: number[] = [];
    const control = { onProgress: (event: { done: number; stage: string }) => done.push(event.done) };
    const patient = { ...javaScriptScanner, productsPerCall: 16 };
    await createFlatIndex(idsOf(4), corpus, patient).search(queries, 1, { control });
    expect(done.splice(0)).toEqual([2, 4, 5]);
    await createFlatIndex(idsOf(4), corpus, { ...patient, productsPerCall: 17 }).search(queries, 1, { control });
    expect(done.splice(0)).toEqual([3, 5]);
    await createFlatIndex(idsOf(4), corpus).search(clusteredRows(130, 2, 3), 1, { control });
    expect(done).toEqual([128, 130]);
    const stages: string[] = [];
    await createFlatIndex(idsOf(4), corpus).search(queries, 1, {
      control: { onProgress: ({ stage }) => stages.push(stage) },
    });
    expect(stages).toEqual(["exact search"]);
  });

  it("leaves out for each of many queries what that one excludes", async () => {
    const three = createFlatIndex(["a", "b", "c"], matrix([[1], [2], [3]]));
    const many = { data: new Float32Array(130).fill(1), rows: 130, cols: 1 };
    const excludeIds = Array.from({ length: 130 }, (_, q) => (q === 1 ? ["c"] : q === 129 ? ["c", "b"] : []));
    const hits = await three.search(many, 1, { excludeIds });
    expect(hits.map(({ ids }) => ids[0])).toEqual([
      ...["c", "b"],
      ...new Array<string>(127).fill("c"), // the last two stand in the second piece
      "a",
    ]);
  });

  it("is told by its scanner's kind, and refuses a corpus in its own name", () => {
    expect(javaScriptScanner.kind).toBe("javascript");
    expect(() => createFlatIndex(["a"], matrix([[1], [2]]))).toThrow(
      "createFlatIndex: ids must have 2 entries; got 1.",
    );
  });

  it("asks for as many rows as the longest list of excluded ones may hide, never for more than there are", async () => {
    const asked: [k: number, allowed: Uint8Array | null][] = [];
    const scanner = {
      ...javaScriptScanner,
      scanRows: (...args: Parameters<typeof javaScriptScanner.scanRows>) => {
        asked.push([args[3], args[4]]);
        return javaScriptScanner.scanRows(...args);
      },
    };
    const watched = createFlatIndex(idsOf(4), corpus, scanner);
    const two = clusteredRows(2, 2, 2);
    await watched.search(two, 1);
    const hits = await watched.search(two, 1, { excludeIds: [["x", "y"], ["z"]] });
    expect(hits.map(({ ids }) => ids.length)).toEqual([1, 1]);
    await watched.search(two, 3, { excludeIds: [["x", "y"], []], accept: (id) => id !== "p0" });
    expect(asked).toEqual([
      [1, null],
      [3, null],
      [4, Uint8Array.of(0, 1, 1, 1)],
    ]);
  });
});

describe("recall", () => {
  it("forgives what single precision rounds: a hundred-thousandth of the score, or of 1 where it is smaller", () => {
    expect(reaches(1 - 1e-5, 1)).toBe(true);
    expect([reaches(0.999991, 1), reaches(0.999989, 1)]).toEqual([true, false]);
    expect([reaches(99.9991, 100), reaches(99.9989, 100)]).toEqual([true, false]);
    expect([reaches(-100.0009, -100), reaches(-100.0011, -100)]).toEqual([true, false]);
    expect([reaches(0.000001, 0.00001), reaches(-0.000001, 0.00001)]).toEqual([true, false]);
  });

  it("is the mean share of what reaches the last of the exact ones; 1 where nothing may be found", () => {
    const truth = [hitsOf([5, 4]), hitsOf([3, 2]), hitsOf([])];
    expect(meanRecall([hitsOf([5, 1]), hitsOf([3, 2]), hitsOf([])], truth)).toBeCloseTo((1 / 2 + 1 + 1) / 3, 12);
    expect(meanRecall([hitsOf([1]), hitsOf([0]), hitsOf([])], truth)).toBeCloseTo(1 / 3, 12);
  });

  it("comes with queries a second of both, by the clock", async () => {
    const times = [1000, 1500, 4000, 4000.25];
    const clock = vi.spyOn(performance, "now").mockImplementation(() => times.shift()!);
    try {
      const queries = matrix([[1], [2]]);
      const slow = { ...index, search: async () => [hitsOf([3, 2]), hitsOf([6])] };
      const exact = { ...index, search: async () => [hitsOf([3, 2]), hitsOf([6, 4])] };
      expect(await measureRecall(slow, exact, queries, 5)).toEqual({
        k: 3,
        numQueries: 2,
        recall: (1 + 1 / 2) / 2,
        queriesPerSecond: 2 / 0.5,
        exactQueriesPerSecond: 2 / 0.00025,
      });
      times.push(7, 7); // a clock that did not move
      expect((await searchTimed(exact, queries, 1)).perSecond).toBe((1000 * 2) / 1e-3);
    } finally {
      clock.mockRestore();
    }
  });

  it("gives both the same filter", async () => {
    const accept = (id: string) => id !== "a";
    const seen: unknown[] = [];
    const watch = {
      ...index,
      search: async (...args: Parameters<typeof index.search>) => {
        seen.push(args[2]);
        return index.search(...args);
      },
    };
    expect((await measureRecall(watch, watch, matrix([[1]]), 2, { accept })).recall).toBe(1);
    expect(seen).toEqual([{ accept }, { accept }]);
  });

  it("refuses what cannot be compared, in its own name", async () => {
    const none = { data: new Float32Array(), rows: 0, cols: 1 };
    await expect(measureRecall(index, index, none, 1)).rejects.toMatchObject({
      code: "shape",
      message: "measureRecall: queries must have at least one row; got 0.",
    });
    const one = createFlatIndex(["a"], matrix([[1]]));
    await expect(measureRecall(one, index, matrix([[1]]), 1)).rejects.toMatchObject({
      code: "shape",
      message: "measureRecall: both indexes must hold the same corpus; got 1 and 3 vectors.",
    });
  });
});

describe("loadSearchAddon", () => {
  it("says what is missing, what to do and what works without it", () => {
    const cause = new Error("Cannot find module");
    const asked: string[] = [];
    const load = (name: string) => {
      asked.push(name);
      throw cause;
    };
    expect(() => loadSearchAddon(load)).toThrow(
      expect.objectContaining({
        code: "environment",
        message:
          "loadSearchAddon: hnswlib-node must be compiled on this machine; it could not be loaded. " +
          "Install a C++ compiler and run npm run setup, or search exactly with createFlatIndex().",
        details: { package: "hnswlib-node" },
        cause,
      }),
    );
    expect(asked).toEqual(["hnswlib-node/build/Release/jomed_search.node"]);
  });

  it("gives the version of the package that it comes from", () => {
    const found = { Graph: class {}, scanRows: () => undefined, version: "9.9.9" };
    expect(loadSearchAddon(() => found)).toEqual(found);
  });
});
