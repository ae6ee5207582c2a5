import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import { createFlatIndex, loadFlatIndex } from "../../src/search/flat-index";
import { TopK } from "../../src/search/vector-index";
import { clusteredRows, idsOf, matrix } from "./helpers";

const CORPUS = matrix([
  [1, 0],
  [0, 2],
  [1, 1],
  [-1, 0],
]);
const IDS = ["a", "b", "c", "d"];

describe("createFlatIndex", () => {
  const index = createFlatIndex(IDS, CORPUS);

  it("ranks by inner product, not by angle", async () => {
    const [hits] = await index.search(matrix([[1, 1]]), 3);
    expect(hits).toEqual({ ids: ["b", "c", "a"], positions: [1, 2, 0], scores: [0 + 2, 1 + 1, 1 + 0] });
  });

  it("puts the earlier of equal vectors first", async () => {
    const same = createFlatIndex(["x", "y", "z"], matrix([[1], [1], [1]]));
    expect((await same.search(matrix([[2]]), 2))[0]!.ids).toEqual(["x", "y"]);
  });

  it("clamps k to the number of vectors", async () => {
    expect((await index.search(matrix([[1, 0]]), 99))[0]!.ids).toEqual(["a", "c", "b", "d"]);
  });

  it("leaves out what a query excludes and still finds k", async () => {
    const queries = matrix([
      [1, 1],
      [1, 1],
    ]);
    const hits = await index.search(queries, 2, { excludeIds: [["b", "unknown"], []] });
    expect(hits.map(({ ids }) => ids)).toEqual([
      ["c", "a"],
      ["b", "c"],
    ]);
  });

  it("finds accepted ids only, and lets an error of the filter out", async () => {
    const [hits] = await index.search(matrix([[1, 1]]), 3, { accept: (id) => id > "b" });
    expect(hits!.ids).toEqual(["c", "d"]);
    const broken = () => {
      throw new RangeError("broken filter");
    };
    await expect(index.search(matrix([[1, 1]]), 1, { accept: broken })).rejects.toThrow("broken filter");
  });

  it("equals sorting all inner products, over several blocks and queries", async () => {
    const corpus = clusteredRows(3000, 48, 1);
    const queries = clusteredRows(20, 48, 2);
    const found = await createFlatIndex(idsOf(3000), corpus).search(queries, 7);
    found.forEach(({ positions, scores }, q) => {
      const all = Array.from({ length: 3000 }, (_, row) => {
        let score = 0;
        for (let i = 0; i < 48; i++) score += queries.data[q * 48 + i]! * corpus.data[row * 48 + i]!;
        return { row, score };
      }).sort((a, b) => b.score - a.score || a.row - b.row);
      expect(positions).toEqual(all.slice(0, 7).map(({ row }) => row));
      expect(scores).toEqual(all.slice(0, 7).map(({ score }) => Math.fround(score)));
    });
  });

  it("stops when aborted", async () => {
    const signal = AbortSignal.abort();
    await expect(index.search(matrix([[1, 1]]), 1, { control: { signal } })).rejects.toMatchObject({
      code: "interrupted",
    });
  });

  it.each([
    ["another dimension", () => index.search(matrix([[1]]), 1), "shape"],
    ["k = 0", () => index.search(matrix([[1, 1]]), 0), "config"],
    ["NaN", () => index.search(matrix([[1, Number.NaN]]), 1), "numeric"],
    ["lists for other queries", () => index.search(matrix([[1, 1]]), 1, { excludeIds: [] }), "shape"],
  ])("refuses to search with %s", async (_name, search, code) => {
    await expect(search()).rejects.toMatchObject({ code });
  });

  it.each([
    ["an id twice", () => createFlatIndex(["a", "a"], matrix([[1], [2]])), "data", /"a" twice/],
    ["too few ids", () => createFlatIndex(["a"], matrix([[1], [2]])), "shape", /ids must have 2 entries; got 1/],
    ["no rows", () => createFlatIndex([], { data: new Float32Array(), rows: 0, cols: 2 }), "shape", /at least one row/],
    ["an infinity", () => createFlatIndex(["a"], matrix([[Infinity]])), "numeric", /must be finite/],
    ["numbers whose scores overflow", () => createFlatIndex(["a"], matrix([[1e30]])), "numeric", /at most 10+ in size/],
    [
      "halves as whole numbers",
      () => createFlatIndex(["a"], { data: Uint16Array.of(15_360) as unknown as Float32Array, rows: 1, cols: 1 }),
      "config",
      /must be a Float32Array; got Uint16Array/,
    ],
  ])("refuses %s", (_name, create, code, wording) => {
    expect(create).toThrow(expect.objectContaining({ code, message: expect.stringMatching(wording) }));
  });

  it("refuses to search after dispose", async () => {
    const gone = createFlatIndex(["a"], matrix([[1]]));
    gone.dispose();
    await expect(gone.search(matrix([[1]]), 1)).rejects.toMatchObject({ code: "state" });
  });
});

describe("TopK", () => {
  it("equals a stable sort on 200 random streams with ties", () => {
    const random = createRandom(3);
    for (let stream = 0; stream < 200; stream++) {
      const k = 1 + random.integer(8);
      const scores = Array.from({ length: 1 + random.integer(30) }, () => random.integer(6));
      const top = new TopK(k);
      scores.forEach((score, i) => {
        top.push(i, score);
      });
      const sorted = scores.map((score, i) => ({ score, i })).sort((a, b) => b.score - a.score);
      expect(top.positions).toEqual(sorted.slice(0, k).map(({ i }) => i));
      expect(top.scores).toEqual(sorted.slice(0, k).map(({ score }) => score));
    }
  });
});

describe("a saved exact index", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "flat-"));
    await createFlatIndex(IDS, CORPUS).save(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("finds the same after loading", async () => {
    const loaded = await loadFlatIndex(folder);
    expect([loaded.ids, loaded.size, loaded.dimension]).toEqual([IDS, 4, 2]);
    const query = matrix([[0.3, -2]]);
    expect(await loaded.search(query, 4)).toEqual(await createFlatIndex(IDS, CORPUS).search(query, 4));
  });

  it("is refused when a number was altered", async () => {
    const file = join(folder, "index.flat");
    const bytes = readFileSync(file);
    const altered = Buffer.from(bytes);
    altered[0]! ^= 1;
    writeFileSync(file, altered);
    await expect(loadFlatIndex(folder)).rejects.toMatchObject({ code: "data", details: { file } });
    writeFileSync(file, bytes);
    expect((await loadFlatIndex(folder)).size).toBe(4);
  });
});
