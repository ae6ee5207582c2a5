import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import type { Matrix } from "../../src/base/types";
import { foldRows } from "../../src/search/equal-rows";
import { createFlatIndex } from "../../src/search/flat-index";
import { type FoldedGraph, measureOwnRecall, searchGraph } from "../../src/search/graph-search";
import type { NativeGraph } from "../../src/search/search-addon";
import { rowsOf, type SearchOptions } from "../../src/search/vector-index";
import { clusteredRows, idsOf, matrix } from "./helpers";

/** A graph that compares every row, but never finds some; it notes how many nodes it was asked for. */
function graphOf(rows: Matrix, blind: readonly number[] = []) {
  const asked: number[] = [];
  const unused = () => {
    throw new Error("not asked for");
  };
  const graph: NativeGraph = {
    ...{ create: unused, load: unused, save: unused, setEf: unused, add: unused },
    count: () => rows.rows,
    row: (position, row) => {
      if (position >= rows.rows) throw new RangeError(`no row ${position}`);
      row.set(rowsOf(rows, position, position + 1));
    },
    search: async (queries, k, positions, distances) => {
      asked.push(k);
      for (let q = 0; q < queries.length / rows.cols; q++) {
        const found = Array.from({ length: rows.rows }, (_, node) => ({
          node,
          distance: 1 - rowsOf(rows, node, node + 1).reduce((sum, v, i) => sum + v * queries[q * rows.cols + i]!, 0),
        }))
          .filter(({ node }) => !blind.includes(node))
          .sort((a, b) => a.distance - b.distance || a.node - b.node);
        for (let i = 0; i < k; i++) {
          positions[q * k + i] = found[i]?.node ?? -1;
          distances[q * k + i] = found[i]?.distance ?? 0;
        }
      }
    },
  };
  return { graph, asked };
}

const LINE = matrix([[1], [2], [3], [4]]);
const IDS = ["a", "b", "c", "d"];
const ONE = matrix([[1]]);
const search = (folded: FoldedGraph, queries: Matrix, k: number, options: SearchOptions = {}) =>
  searchGraph(createFlatIndex(IDS, LINE), folded, queries, k, options);

describe("searchGraph", () => {
  it("gives what the graph found, best first, as inner products", async () => {
    const { graph, asked } = graphOf(LINE);
    expect(await search({ graph, fold: null }, ONE, 2)).toEqual([
      { ids: ["d", "c"], positions: [3, 2], scores: [4, 3] },
    ]);
    expect(asked).toEqual([2]);
  });

  it("fetches more by what a query excludes, four times as many under a filter, never more than there are", async () => {
    const { graph, asked } = graphOf(LINE);
    const folded = { graph, fold: null };
    const [hits] = await search(folded, ONE, 1, { excludeIds: [["d", "x"]] });
    expect(hits!.ids).toEqual(["c"]);
    expect((await search(folded, ONE, 1, { accept: (id) => id < "c" }))[0]!.ids).toEqual(["b"]);
    await search(folded, ONE, 9);
    expect(asked).toEqual([3, 4, 4]);
    const many = graphOf(clusteredRows(100, 1, 1));
    const index = createFlatIndex(idsOf(100), clusteredRows(100, 1, 1));
    const excludeIds = [["p1"]];
    await searchGraph(index, { graph: many.graph, fold: null }, ONE, 3, { excludeIds, accept: () => true });
    expect(many.asked).toEqual([(3 + 1) * 4]);
  });

  it("compares every row where the graph found too few, and only rows that may be found", async () => {
    const folded = { graph: graphOf(LINE, [3, 1]).graph, fold: null };
    expect((await search(folded, ONE, 2))[0]!.ids).toEqual(["c", "a"]); // as many as were asked for
    expect((await search(folded, ONE, 3))[0]).toEqual({
      ids: ["d", "c", "b"],
      positions: [3, 2, 1],
      scores: [4, 3, 2],
    });
    expect((await search(folded, ONE, 9, { excludeIds: [["c"]] }))[0]!.ids).toEqual(["d", "b", "a"]);
    expect((await search(folded, ONE, 9, { accept: (id) => id !== "d" }))[0]!.ids).toEqual(["c", "b", "a"]);
    expect((await search(folded, ONE, 1, { accept: () => false }))[0]).toEqual({ ids: [], positions: [], scores: [] });
  });

  it("compares nothing anew where the graph found enough, and takes no hit of the next query for one of this", async () => {
    const ten = matrix(Array.from({ length: 10 }, (_, i) => [i + 1]));
    const index = createFlatIndex(idsOf(10), ten);
    const unread = () => {
      throw new Error("read anew");
    };
    const sure = { ...graphOf(ten).graph, row: unread };
    const both = matrix([[1], [-1]]);
    const ids = async (k: number, options: SearchOptions, graph: NativeGraph = sure) =>
      (await searchGraph(index, { graph, fold: null }, both, k, options)).map((hits) => hits.ids);
    expect(await ids(2, {})).toEqual([
      ["p9", "p8"],
      ["p0", "p1"],
    ]);
    expect(await ids(2, { excludeIds: [["p9"], ["p0"]] })).toEqual([
      ["p8", "p7"],
      ["p1", "p2"],
    ]);
    expect(await ids(1, { accept: (id) => id !== "p9" })).toEqual([["p8"], ["p0"]]);
    // none of the four best of the first query may be found: the next place belongs to the other query
    expect(await ids(1, { accept: (id) => id < "p6" }, graphOf(ten).graph)).toEqual([["p5"], ["p0"]]);
    const corpus = { data: Float32Array.of(...ten.data, ...ten.data), rows: 20, cols: 1 };
    const folded = { graph: sure, fold: foldRows(corpus) };
    const found = await searchGraph(createFlatIndex(idsOf(20), corpus), folded, both, 3, {});
    expect(found.map(({ positions }) => positions)).toEqual([
      [9, 19, 8],
      [0, 10, 1],
    ]);
  });

  it("takes no hit of the next query either where nodes are several positions, be its score that of this one's last", async () => {
    const rows = matrix([[1, 23], ...Array.from({ length: 41 }, (_, j) => [j + 2, 0])]);
    const corpus = { data: Float32Array.of(...rows.data, ...rows.data), rows: 84, cols: 2 };
    const folded = { graph: graphOf(rows).graph, fold: foldRows(corpus) };
    const index = createFlatIndex(idsOf(84), corpus);
    const two = matrix([
      [1, 0],
      [0, 1],
    ]);
    // twenty nodes are fetched for each: of the first query those of 42 to 23, then comes the second query's best, of 23 too
    const found = async (...ids: readonly string[]) =>
      (await searchGraph(index, folded, two, 1, { accept: (id) => ids.includes(id) })).map((hits) => [
        hits.ids[0],
        hits.scores[0],
      ]);
    expect(await found("p0", "p22")).toEqual([
      ["p22", 23],
      ["p0", 23],
    ]);
    expect(await found("p0", "p10")).toEqual([
      ["p10", 11],
      ["p0", 23],
    ]);
    const many = {
      data: Float32Array.from({ length: 2 * 257 }, (_, i) => (i < 2 * 256 ? (i + 1) % 2 : i % 2)),
      rows: 257,
      cols: 2,
    };
    const all = await searchGraph(index, folded, many, 1, {});
    expect([all[0]!.ids, all[255]!.ids, all[256]!.ids]).toEqual([["p41"], ["p41"], ["p0"]]);
  });

  it("answers 256 queries a call, and one where each excludes its own; tells how far it is", async () => {
    const told: unknown[] = [];
    const control = { onProgress: (event: unknown) => told.push(event) };
    const queries = clusteredRows(257, 1, 1);
    const { graph, asked } = graphOf(LINE);
    const folded = { graph, fold: null };
    expect(await search(folded, queries, 1, { control })).toHaveLength(257);
    expect(told).toEqual([256, 257].map((done) => ({ stage: "approximate search", done, total: 257 })));
    expect(asked.splice(0)).toHaveLength(2);
    const excludeIds = Array.from({ length: 257 }, (_, q) => (q === 256 ? ["d"] : []));
    const found = await search(folded, queries, 1, { excludeIds });
    expect(asked).toEqual([...Array(256).fill(1), 2]);
    expect(found[256]!.ids[0]).toBe(queries.data[256]! > 0 ? "c" : "a");
  });

  it.each([0, 8])(
    "equals the exact index over equal rows, also where the graph never finds %i nodes",
    async (numBlind) => {
      const random = createRandom("folded graph");
      for (let round = 0; round < 60; round++) {
        const rows = 1 + random.integer(60);
        const corpus = matrix(Array.from({ length: rows }, () => [random.integer(5) - 2, random.integer(5) - 2]));
        const fold = foldRows(corpus);
        if (fold === null) continue;
        const distinct = matrix([...fold.first].map((row) => [...rowsOf(corpus, row, row + 1)]));
        const blind = numBlind === 0 ? [] : Array.from({ length: distinct.rows }, (_, node) => node);
        const folded = { graph: graphOf(distinct, blind).graph, fold };
        const exact = createFlatIndex(idsOf(rows), corpus);
        const queries = matrix([[random.integer(3) - 1, random.integer(3) - 1]]);
        const own = idsOf(rows).filter(() => random.chance(0.3));
        const k = 1 + random.integer(rows + 2);
        const accept = (id: string) => Number(id.slice(1)) % 3 !== 0;
        for (const options of [{}, { excludeIds: [own] }, { accept }, { accept, excludeIds: [own] }])
          expect(await searchGraph(exact, folded, queries, k, options)).toEqual(
            await exact.search(queries, k, options),
          );
      }
    },
  );

  it("fetches sixteen nodes more of a folded corpus: those that tie with the last one", async () => {
    const rows = clusteredRows(50, 2, 1);
    const corpus = { data: Float32Array.of(...rows.data, ...rows.data), rows: 100, cols: 2 };
    const { graph, asked } = graphOf(rows);
    const fold = foldRows(corpus);
    await searchGraph(createFlatIndex(idsOf(100), corpus), { graph, fold }, matrix([[1, 0]]), 3, {});
    expect(asked).toEqual([3 + 16]);
  });
});

describe("measureOwnRecall", () => {
  it("is 1 of a single row, and of a graph that finds all", async () => {
    expect(await measureOwnRecall(graphOf(ONE, [0]).graph, ONE)).toBe(1);
    const { graph, asked } = graphOf(clusteredRows(100, 4, 1));
    expect(await measureOwnRecall(graph, clusteredRows(100, 4, 1))).toBe(1);
    expect(asked).toEqual([10 + 1]); // itself and ten others
  });

  it("is the share of a row's nearest others that are found; itself is none of them", async () => {
    // of the three others of each row, the graph finds two, and of row 3, which it never finds, all three
    expect(await measureOwnRecall(graphOf(LINE, [3]).graph, LINE)).toBeCloseTo((3 * (2 / 3) + 1) / 4, 12);
  });

  it("takes the ten best others as they are where a row is not among its own best: lengths differ", async () => {
    const rows = matrix(Array.from({ length: 20 }, (_, i) => [i + 1]));
    // the graph never finds 11; of all rows but 11 itself it is one of the ten best others
    expect(await measureOwnRecall(graphOf(rows, [10]).graph, rows)).toBeCloseTo((19 * 0.9 + 1) / 20, 12);
  });

  it("asks for 64 rows at even distances, and judges each by its own ten nearest", async () => {
    const rows = matrix(Array.from({ length: 128 }, (_, i) => [Math.cos(i / 128), Math.sin(i / 128)]));
    let queries: Float32Array = new Float32Array();
    const graph: NativeGraph = {
      ...graphOf(rows).graph,
      search: async (given, _k, positions) => {
        queries = given;
        positions.fill(-1);
      },
    };
    expect(await measureOwnRecall(graph, rows)).toBe(0);
    expect([...queries]).toEqual(Array.from({ length: 64 }, (_, i) => [...rowsOf(rows, 2 * i, 2 * i + 1)]).flat());
    const blind = Array.from({ length: 5 }, (_, i) => i + 1); // near the first row
    const shares = await measureOwnRecall(graphOf(rows, blind).graph, rows);
    const byHand = Array.from({ length: 64 }, (_, i) => {
      const near = (row: number) => Math.cos((row - 2 * i) / 128);
      const others = Array.from({ length: 128 }, (_each, row) => row).filter((row) => row !== 2 * i);
      const best = others.sort((a, b) => near(b) - near(a) || a - b).slice(0, 10);
      const limit = near(best[9]!) - 1e-5;
      const found = others
        .filter((row) => !blind.includes(row))
        .sort((a, b) => near(b) - near(a))
        .slice(0, 11);
      return Math.min(1, found.filter((row) => near(row) >= limit).length / 10);
    });
    expect(shares).toBeCloseTo(byHand.reduce((sum, share) => sum + share, 0) / 64, 2);
    expect(shares).toBeLessThan(1);
  });
});
