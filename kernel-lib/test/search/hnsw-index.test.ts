import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createFlatIndex } from "../../src/search/flat-index";
import { createHnswIndex, type HnswIndex, loadHnswIndex } from "../../src/search/hnsw-index";
import { loadSearchAddon } from "../../src/search/search-addon";
import { measureRecall } from "../../src/search/vector-index";
import { clusteredRows, idsOf, matrix } from "./helpers";

const CORPUS = clusteredRows(2000, 32, 1);
const IDS = idsOf(2000);
const QUERIES = clusteredRows(100, 32, 2);
const exact = createFlatIndex(IDS, CORPUS);
let index: HnswIndex;
let folder: string;

beforeAll(async () => {
  index = await createHnswIndex(IDS, CORPUS);
  folder = mkdtempSync(join(tmpdir(), "hnsw-"));
  await index.save(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("createHnswIndex", () => {
  it("finds at least 95 % of the exact ten best", async () => {
    const report = await measureRecall(index, exact, QUERIES, 10);
    expect(report).toMatchObject({ k: 10, numQueries: 100 });
    expect(report.recall).toBeGreaterThanOrEqual(0.95);
    expect(report.queriesPerSecond).toBeGreaterThan(0);
  });

  it("finds more with a larger ef than with the smallest", async () => {
    const loaded = await loadHnswIndex(folder);
    loaded.setEf(1);
    const careless = await measureRecall(loaded, exact, QUERIES, 1);
    loaded.setEf(200);
    const careful = await measureRecall(loaded, exact, QUERIES, 1);
    expect(careful.recall).toBeGreaterThan(careless.recall);
    expect(loaded.ef).toBe(200);
  });

  it("gives inner products, best first", async () => {
    const [found] = await index.search(QUERIES, 5);
    const [truth] = await exact.search(QUERIES, 5);
    found!.scores.forEach((score, i) => {
      expect(score).toBeCloseTo(truth!.scores[i]!, 5);
    });
  });

  it("builds the same file for the same seed and another for another one", async () => {
    const bytes = async (seed: number) => {
      const small = clusteredRows(300, 8, 3);
      const built = await createHnswIndex(idsOf(300), small, { seed });
      const place = join(folder, `seed-${seed}`);
      await built.save(place);
      return readFileSync(join(place, "index.hnsw"));
    };
    const first = await bytes(1);
    expect(first.equals(await bytes(1))).toBe(true);
    expect(first.equals(await bytes(2))).toBe(false);
  });

  it("finds k although a query excludes its own and 20 others", async () => {
    const [best] = await exact.search(QUERIES, 21);
    const excludeIds = Array.from({ length: 100 }, (_, q) => (q === 0 ? best!.ids : []));
    const [found] = await index.search(QUERIES, 10, { excludeIds });
    expect(found!.ids).toHaveLength(10);
    expect(found!.ids.filter((id) => best!.ids.includes(id))).toEqual([]);
  });

  it("finds the same for a query alone and among others that exclude much", async () => {
    const excludeIds = Array.from({ length: 100 }, (_, q) => (q === 1 ? IDS.slice(0, 300) : []));
    const among = await index.search(QUERIES, 10, { excludeIds });
    expect(among[0]).toEqual((await index.search(QUERIES, 10))[0]);
    const one = { ...QUERIES, rows: 1, data: QUERIES.data.slice(0, QUERIES.cols) };
    expect((await index.search(one, 10))[0]).toEqual(among[0]);
  });

  it("is exact under a filter that leaves four of 2,000, and clamps k to them", async () => {
    const accept = (id: string) => ["p5", "p600", "p1200", "p1999"].includes(id);
    const found = await index.search(QUERIES, 10, { accept });
    const truth = await exact.search(QUERIES, 10, { accept });
    expect(found.map(({ ids }) => ids)).toEqual(truth.map(({ ids }) => ids));
    expect(found[0]!.ids).toHaveLength(4);
  });

  it("lets an error of the filter out and goes on working", async () => {
    const accept = () => {
      throw new RangeError("broken filter");
    };
    await expect(index.search(QUERIES, 1, { accept })).rejects.toThrow("broken filter");
    expect(await index.search(QUERIES, 1)).toHaveLength(100);
  });

  it("clamps k to the number of vectors", async () => {
    const small = await createHnswIndex(
      ["a", "b"],
      matrix([
        [1, 0],
        [0, 1],
      ]),
    );
    expect((await small.search(matrix([[1, 0.5]]), 50))[0]!.ids).toEqual(["a", "b"]);
  });

  it("reports progress while building and stops when aborted", async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const control = {
      signal: stop.signal,
      onProgress: ({ done }: { done: number }) => {
        seen.push(done);
        stop.abort();
      },
    };
    const building = createHnswIndex(IDS, CORPUS, { efConstruction: 400, control });
    await expect(building).rejects.toMatchObject({ code: "interrupted" });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeLessThan(2000);
  });

  it.each([
    [{ m: 1 }, /m must be a whole number in \[2, 128\]/],
    [{ efConstruction: 0 }, /efConstruction must be a whole number/],
    [{ ef: 1.5 }, /ef must be a whole number/],
    [{ M: 16 }, /no option "M"\. Use one of m, efConstruction/],
  ])("refuses %j", async (options, wording) => {
    await expect(createHnswIndex(["a"], matrix([[1]]), options as object)).rejects.toThrow(wording);
  });

  it("refuses in its own name; the ends of every range are taken", async () => {
    const build = (options: object) => createHnswIndex(["a"], matrix([[1]]), options);
    for (const [options, message] of [
      [{ M: 16 }, 'createHnswIndex: has no option "M". Use one of m, efConstruction, ef, seed, minRecall, control.'],
      [{ m: 129 }, "createHnswIndex: m must be a whole number in [2, 128]; got 129."],
      [{ efConstruction: 10_001 }, "createHnswIndex: efConstruction must be a whole number in [1, 10000]; got 10001."],
      [{ ef: 100_001 }, "createHnswIndex: ef must be a whole number in [1, 100000]; got 100001."],
      [{ seed: 2 ** 32 }, "createHnswIndex: seed must be a whole number in [0, 4294967295]; got 4294967296."],
      [{ minRecall: 1.5 }, "createHnswIndex: minRecall must be a number in [0, 1]; got 1.5."],
    ] as const)
      await expect(build(options)).rejects.toThrow(message);
    await expect(createHnswIndex(["a", "b"], matrix([[1]]))).rejects.toThrow(
      "createHnswIndex: ids must have 1 entries; got 2.",
    );
    const least = await build({ m: 2, efConstruction: 1, ef: 1, seed: 0, minRecall: 1 });
    expect([least.ef, least.recall, least.exactBecause]).toEqual([1, 1, undefined]); // as much as was asked for is enough
    expect((await build({ seed: 2 ** 32 - 1, minRecall: 0 })).recall).toBeUndefined();
    expect(() => least.setEf(0)).toThrow("setEf: ef must be a whole number in [1, 100000]; got 0.");
    least.setEf(100_000);
    expect([least.ef, least.kind, least.size, least.dimension, least.ids]).toEqual([100_000, "hnsw", 1, 1, ["a"]]);
  });

  it("says nothing where the graph is searched, and what it finds is the graph's", async () => {
    const onWarn = vi.fn();
    const careless = { m: 2, efConstruction: 2, ef: 1, minRecall: 0 };
    const built = await createHnswIndex(IDS, CORPUS, { ...careless, control: { onWarn } });
    expect(onWarn).not.toHaveBeenCalled();
    expect((await measureRecall(built, exact, QUERIES, 10)).recall).toBeLessThan(0.9);
  });

  it("needs nobody who listens to what it says", async () => {
    const careless = { m: 2, efConstruction: 2, ef: 1, control: {} };
    expect((await createHnswIndex(IDS, CORPUS, careless)).exactBecause).toMatch(/^the graph finds/);
  });

  it("tells of its building in pieces of 256 rows", async () => {
    const told: unknown[] = [];
    await createHnswIndex(idsOf(300), clusteredRows(300, 4, 3), {
      control: { onProgress: (event) => told.push(event) },
    });
    expect(told).toEqual([256, 300].map((done) => ({ stage: "building the HNSW index", done, total: 300 })));
  });

  it("refuses to search after dispose", async () => {
    const gone = await createHnswIndex(["a"], matrix([[1]]));
    gone.dispose();
    await expect(gone.search(matrix([[1]]), 1)).rejects.toMatchObject({
      code: "state",
      message: "search: the HNSW index must not be used after dispose(). Create or load it again.",
    });
  });
});

describe("a saved HNSW index", () => {
  const sidecar = () => join(folder, "index.hnsw.json");
  const binary = () => join(folder, "index.hnsw");

  it("finds the same after loading, with the same ef", async () => {
    const loaded = await loadHnswIndex(folder);
    expect(loaded.ef).toBe(index.ef);
    expect(await loaded.search(QUERIES, 10)).toEqual(await index.search(QUERIES, 10));
  });

  it("is refused when a single id of its sidecar was changed", async () => {
    const whole = readFileSync(sidecar(), "utf8");
    writeFileSync(sidecar(), whole.replace(JSON.stringify(IDS[5]), '"another"'));
    await expect(loadHnswIndex(folder)).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(/index\.hnsw\.json must be as it was written\. Build and save the index again/),
    });
    writeFileSync(sidecar(), whole);
  });

  it("describes itself", () => {
    const { version } = loadSearchAddon();
    expect(JSON.parse(readFileSync(sidecar(), "utf8"))).toMatchObject({
      kind: "hnsw",
      space: "ip",
      dimension: 32,
      size: 2000,
      settings: { m: 16, efConstruction: 200, ef: 64, seed: 7 },
      library: `hnswlib-node ${version}`,
      corpusHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      ids: IDS,
    });
  });

  const edited = (change: (stored: Record<string, unknown>) => void) => (text: string) => {
    const stored = JSON.parse(text);
    change(stored);
    return JSON.stringify(stored);
  };

  it.each([
    ["truncated", (text: string) => text.slice(0, 500), /^loadHnswIndex: \S+ must be JSON/],
    ["not an object", () => "null", /describe a hnsw index/],
    ["of another kind", edited((stored) => Object.assign(stored, { kind: "flat" })), /describe a hnsw index/],
    ["short of an id", edited((stored) => Object.assign(stored, { ids: IDS.slice(1) })), /one distinct id per vector/],
    ["naming an id twice", edited((stored) => Object.assign(stored, { ids: [...IDS.slice(1), "p1"] })), /distinct/],
    [
      "of one vector less",
      edited((stored) => Object.assign(stored, { ids: IDS.slice(1), size: 1999 })),
      /must hold 1999 vectors, as its sidecar says; got 2000/,
    ],
    [
      "of odd settings",
      edited((stored) => Object.assign(stored, { settings: { m: "8" } })),
      /^loadHnswIndex: \S+index\.hnsw must be an HNSW graph with usable settings\. Build and save the index again\.$/,
    ],
  ])("is refused when its sidecar is %s", async (_name, damage, wording) => {
    const whole = readFileSync(sidecar(), "utf8");
    writeFileSync(sidecar(), damage(whole.replace(/,"seal":"[0-9a-f]{64}"/, "")));
    await expect(loadHnswIndex(folder)).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(wording),
      details: { file: expect.stringContaining("index.hnsw") },
    });
    writeFileSync(sidecar(), whole);
  });

  it("is read as an older program wrote it, that knew no copies", async () => {
    const whole = readFileSync(sidecar(), "utf8");
    const older = edited((stored) => delete stored["copies"])(whole.replace(/,"seal":"[0-9a-f]{64}"/, ""));
    expect(older).not.toBe(whole);
    writeFileSync(sidecar(), older);
    expect(await (await loadHnswIndex(folder)).search(QUERIES, 10)).toEqual(await index.search(QUERIES, 10));
    writeFileSync(sidecar(), whole);
  });

  it.each([
    ["truncated", (bytes: Buffer) => bytes.subarray(0, bytes.length - 100)],
    [
      "altered in one bit",
      (bytes: Buffer) =>
        Buffer.concat([bytes.subarray(0, 4000), Buffer.from([bytes[4000]! ^ 1]), bytes.subarray(4001)]),
    ],
    ["empty", () => Buffer.alloc(0)],
  ])("is refused when its graph is %s, before native code reads it", async (_name, damage) => {
    const whole = readFileSync(binary());
    writeFileSync(binary(), damage(whole));
    await expect(loadHnswIndex(folder)).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(/must be the \d+ bytes its sidecar describes/),
    });
    writeFileSync(binary(), whole);
  });

  it("is refused when there is none", async () => {
    await expect(loadHnswIndex(join(folder, "nowhere"))).rejects.toMatchObject({ code: "data" });
  });
});

describe("measureRecall", () => {
  it("is 1 for the exact index against itself and counts one of several equal vectors as found", async () => {
    expect((await measureRecall(exact, exact, QUERIES, 10)).recall).toBe(1);
    const forward = createFlatIndex(["a", "b", "c"], matrix([[1], [1], [0]]));
    const backward = createFlatIndex(["c", "b", "a"], matrix([[0], [1], [1]]));
    expect((await measureRecall(backward, forward, matrix([[1]]), 1)).recall).toBe(1);
  });

  it("is the share of the best that was found", async () => {
    const two = createFlatIndex(["a", "b", "c"], matrix([[3], [2], [1]]));
    const blind = { ...two, search: async () => [{ ids: ["a", "c"], positions: [0, 2], scores: [3, 1] }] };
    expect((await measureRecall(blind, two, matrix([[1]]), 2)).recall).toBe(1 / 2);
  });

  it("refuses no queries and indexes of different sizes", async () => {
    await expect(measureRecall(exact, exact, { data: new Float32Array(), rows: 0, cols: 32 }, 1)).rejects.toThrow(
      /at least one row/,
    );
    const other = createFlatIndex(["a"], matrix([[1]]));
    await expect(measureRecall(other, exact, QUERIES, 1)).rejects.toThrow(/same corpus; got 1 and 2000/);
  });
});
