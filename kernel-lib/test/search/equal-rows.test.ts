import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import type { Matrix } from "../../src/base/types";
import { openIndex } from "../../src/search/engines";
import { copiesIn, distinctRows, foldOfCopies, foldRows } from "../../src/search/equal-rows";
import { createFlatIndex } from "../../src/search/flat-index";
import { createHnswIndex, loadHnswIndex } from "../../src/search/hnsw-index";
import { measureRecall } from "../../src/search/vector-index";
import { clusteredRows, idsOf, matrix } from "./helpers";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "equal-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of which every `step`-th is the same as the first, but for `noise`. */
function withEqualRows(rows: number, step: number, noise = 0): Matrix {
  const corpus = clusteredRows(rows, 16, 5);
  const { data, cols } = corpus;
  for (let row = step; row < rows; row += step) {
    for (let i = 0; i < cols; i++) data[row * cols + i] = data[i]! + noise * Math.sin(row + i);
  }
  return corpus;
}

describe("foldOfCopies", () => {
  it.each([
    [[[1, 1]], "row 1 must equal a lower one, once"],
    [[[1, -1]], "row 1 must equal a lower one, once"],
    [[[3, 0]], "row 3 must equal a lower one, once"],
    [[[1, 0.5]], "row 1 must equal a lower one, once"],
    [[[1.5, 0]], "row 1.5 must equal a lower one, once"],
    [
      [
        [2, 0],
        [2, 1],
      ],
      "row 2 must equal a lower one, once",
    ],
    [
      [
        [2, 1],
        [1, 0],
      ],
      "a row must equal one that equals no other",
    ],
  ] as [[number, number][], string][])("refuses %j by what is wrong", (copies, message) => {
    expect(() => foldOfCopies(3, copies)).toThrow(new RangeError(message));
  });
});

describe("foldRows", () => {
  it("finds the rows that are the same, each by its lowest position", () => {
    const fold = foldRows(
      matrix([
        [1, 0],
        [0, 1],
        [1, 0],
        [2, 0],
        [0, 1],
        [1, 0],
      ]),
    )!;
    expect([...fold.first]).toEqual([0, 1, 3]);
    expect([...fold.starts]).toEqual([0, 3, 5, 6]);
    expect([...fold.positions]).toEqual([0, 2, 5, 1, 4, 3]);
    expect(copiesIn(fold)).toEqual([
      [2, 0],
      [5, 0],
      [4, 1],
    ]);
  });

  it("is null where all rows differ, be it little", () => {
    expect(foldRows(clusteredRows(500, 8, 1))).toBeNull();
    expect(
      foldRows(
        matrix([
          [1, 0],
          [1, 1e-4],
          [1.0001, 0],
        ]),
      ),
    ).toBeNull();
  });

  it("takes what rounding made of one row for equal, whatever its length", () => {
    for (const scale of [1e-3, 1, 1e6]) {
      const fold = foldRows(
        matrix([
          [scale, scale],
          [0, scale],
          [scale * (1 + 2e-7), scale],
        ]),
      )!;
      expect([...fold.first]).toEqual([0, 1]);
    }
    expect([
      ...foldRows(
        matrix([
          [0, 0],
          [0, 0],
        ]),
      )!.first,
    ]).toEqual([0]);
  });

  it("and the distinct rows give the corpus back", () => {
    const random = createRandom("equal rows");
    for (let round = 0; round < 100; round++) {
      const values = Array.from({ length: 1 + random.integer(40) }, () => random.integer(6));
      const corpus = matrix(values.map((value) => [value, 1]));
      const fold = foldRows(corpus);
      const distinct = distinctRows(corpus, fold);
      expect(distinct.rows).toBe(new Set(values).size);
      expect(foldOfCopies(values.length, copiesIn(fold))).toEqual(fold);
      fold?.first.forEach((_, node) => {
        const members = fold.positions.subarray(fold.starts[node], fold.starts[node + 1]);
        for (const position of members) expect(values[position]).toBe(distinct.data[2 * node]);
      });
    }
  });

  it.each([
    [[[1, 1]]],
    [[[0, 1]]],
    [[[9, 0]]],
    [
      [
        [2, 0],
        [2, 1],
      ],
    ],
    [
      [
        [1, 0],
        [2, 1],
      ],
    ],
    [[[1.5, 0]]],
  ])("refuses copies that are none: %j", (copies) => {
    expect(() => foldOfCopies(3, copies as [number, number][])).toThrow(RangeError);
  });
});

describe("a graph over equal rows", () => {
  const QUERIES = clusteredRows(50, 16, 6);

  it.each([
    [2, 0],
    [3, 0],
    [2, 3e-8],
  ])("finds what the exact index finds where every %i. row is the same but for %f", async (step, noise) => {
    const corpus = withEqualRows(3000, step, noise);
    const index = await createHnswIndex(idsOf(3000), corpus, { ef: 128 });
    expect((await measureRecall(index, createFlatIndex(idsOf(3000), corpus), QUERIES, 10)).recall).toBeGreaterThan(
      0.99,
    );
    expect(index.recall).toBeGreaterThan(0.99);
    expect(index.exactBecause).toBeUndefined();
  });

  it("finds ten rows beside thousands of equal ones, ties in the order of their positions, as the exact index", async () => {
    const corpus = matrix(Array.from({ length: 2000 }, (_, i) => (i % 200 === 7 ? [0, 1] : [1, 0])));
    const ids = idsOf(2000);
    const [index, exact] = [await createHnswIndex(ids, corpus), createFlatIndex(ids, corpus)];
    for (const query of [
      [0, 1],
      [1, 0],
      [1, 1],
    ]) {
      const queries = matrix([query]);
      for (const k of [1, 10, 25]) expect(await index.search(queries, k)).toEqual(await exact.search(queries, k));
      const accept = (id: string) => Number(id.slice(1)) % 3 === 0;
      expect(await index.search(queries, 8, { accept })).toEqual(await exact.search(queries, 8, { accept }));
      const excludeIds = [["p7", "p0", "p1"]];
      expect(await index.search(queries, 12, { excludeIds })).toEqual(await exact.search(queries, 12, { excludeIds }));
    }
  });

  it("merges the positions of different nodes that have the same score", async () => {
    const corpus = matrix([
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
    const [found] = await (await createHnswIndex(["a", "b", "c", "d"], corpus)).search(matrix([[1, 1]]), 3);
    expect(found!.positions).toEqual([0, 1, 2]);
  });

  it("finds the same when it is saved and loaded, and refuses a file that says other copies", async () => {
    const corpus = withEqualRows(600, 3);
    const index = await createHnswIndex(idsOf(600), corpus);
    await index.save(folder);
    const loaded = await loadHnswIndex(folder);
    expect(await loaded.search(QUERIES, 20)).toEqual(await index.search(QUERIES, 20));
    expect(loaded.recall).toBe(index.recall);
    const sidecar = join(folder, "index.hnsw.json");
    const { seal: _, ...stored } = JSON.parse(readFileSync(sidecar, "utf8")); // without it the copies themselves are looked at
    for (const copies of [
      stored.copies.slice(1),
      [...stored.copies.slice(1), [0, 3]],
      [...stored.copies.slice(1), "x"],
    ]) {
      writeFileSync(sidecar, JSON.stringify({ ...stored, copies }));
      await expect(loadHnswIndex(folder)).rejects.toMatchObject({ code: "data" });
    }
    const nodes = 600 - stored.copies.length;
    writeFileSync(sidecar, JSON.stringify({ ...stored, copies: stored.copies.slice(1) }));
    await expect(loadHnswIndex(folder)).rejects.toThrow(
      `must hold ${nodes + 1} vectors, as its sidecar says; got ${nodes}. Build`,
    );
  });

  it("is found by an exact search too, where the loaded graph finds too little", async () => {
    const corpus = withEqualRows(600, 3);
    const careless = await createHnswIndex(idsOf(600), corpus, { m: 2, efConstruction: 2, ef: 1, minRecall: 1 });
    await careless.save(folder);
    const loaded = await loadHnswIndex(folder);
    expect(loaded.exactBecause).toMatch(/less than 100 %/);
    expect(await loaded.search(QUERIES, 20)).toEqual(await createFlatIndex(idsOf(600), corpus).search(QUERIES, 20));
  });
});

describe("a graph that finds too little of its own rows", () => {
  const CORPUS = clusteredRows(2000, 32, 1);
  const IDS = idsOf(2000);
  const CARELESS = { m: 2, efConstruction: 2, ef: 1 };
  const QUERIES = clusteredRows(30, 32, 2);
  const exact = createFlatIndex(IDS, CORPUS);

  it("is not searched: every vector is compared, said aloud, also after loading", async () => {
    const warnings: unknown[][] = [];
    const control = { onWarn: (...args: unknown[]) => warnings.push(args) };
    const index = await createHnswIndex(IDS, CORPUS, { ...CARELESS, control });
    expect(index.recall).toBeLessThan(0.95);
    expect(index.exactBecause).toMatch(
      /^the graph finds \d+\.\d % of the 10 nearest of its own rows, less than 95 %; a larger ef/,
    );
    const share = (100 * index.recall!).toFixed(1);
    expect(index.exactBecause).toBe(
      `the graph finds ${share} % of the 10 nearest of its own rows, less than 95 %; a larger ef, efConstruction or m finds more`,
    );
    expect(warnings).toEqual([
      [
        "exact-index",
        expect.stringContaining("createHnswIndex: searching exactly instead: the graph finds"),
        { recall: index.recall, minRecall: 0.95 },
      ],
    ]);
    expect(await index.search(QUERIES, 10)).toEqual(await exact.search(QUERIES, 10));
    await index.save(folder);
    const loaded = await loadHnswIndex(folder);
    expect(loaded.exactBecause).toBe(index.exactBecause);
    expect(await loaded.search(QUERIES, 10)).toEqual(await exact.search(QUERIES, 10));
    loaded.setEf(1);
    expect([loaded.exactBecause, loaded.recall]).toEqual([undefined, undefined]);
    expect((await measureRecall(loaded, exact, QUERIES, 10)).recall).toBeLessThan(0.95);
  });

  it("is replaced by the exact index where an index is chosen, with the reason", async () => {
    const { index, choice } = await openIndex(IDS, CORPUS, { ...CARELESS, prefer: "hnsw" });
    expect([index.kind, choice.kind]).toEqual(["flat", "flat"]);
    expect(choice.why).toMatch(/^exact search: the graph finds/);
  });

  it("is searched all the same where nothing is asked of its recall", async () => {
    const { index } = await openIndex(IDS, CORPUS, { ...CARELESS, prefer: "hnsw", minRecall: 0 });
    expect(index.kind).toBe("hnsw");
    await expect(createHnswIndex(IDS, CORPUS, { minRecall: 2 })).rejects.toMatchObject({ code: "config" });
  });
});
