import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import { chooseScanner, javaScriptScanner, type Scanner } from "../../src/search/flat-index";
import { loadSearchAddon } from "../../src/search/search-addon";
import { clusteredRows } from "./helpers";

type Scan = Parameters<Scanner["scanRows"]>;
type ScanInputs = [Scan[0], Scan[1], Scan[2], Scan[3], Scan[4]];

const native = chooseScanner();
const random = createRandom("scan rows");

/** Whole numbers, so that many inner products are equal, or normal ones. */
function drawValues(count: number, ties: "many" | "none"): Float32Array {
  return Float32Array.from({ length: count }, () => (ties === "many" ? random.integer(3) - 1 : random.normal()));
}

async function scan(scanner: Scanner, [rows, dimension, queries, k, allowed]: ScanInputs) {
  const positions = new Int32Array((queries.length / dimension) * k);
  const scores = new Float64Array(positions.length);
  await scanner.scanRows(rows, dimension, queries, k, allowed, positions, scores);
  return { positions, scores };
}

describe("scanRows", () => {
  it("is compiled here", () => expect(native.kind).toBe("native"));

  it("finds the same bits in C++ and in JavaScript, for 200 random shapes, masks and ties", async () => {
    for (let round = 0; round < 200; round++) {
      const [numRows, numQueries, dimension] = [
        1 + random.integer(300),
        1 + random.integer(11),
        1 + random.integer(70),
      ];
      const ties = round % 2 === 0 ? "many" : "none";
      const rows = drawValues(numRows * dimension, ties);
      const queries = drawValues(numQueries * dimension, ties);
      const allowed = round % 3 === 0 ? Uint8Array.from({ length: numRows }, () => random.integer(2)) : null;
      const inputs: ScanInputs = [rows, dimension, queries, 1 + random.integer(numRows + 3), allowed];
      expect(await scan(native, inputs)).toEqual(await scan(javaScriptScanner, inputs));
    }
  });

  it.each([
    ["queries that are no Float32Array", [new Float32Array(4), 2, new Float64Array(2), 1, null], /argument 2/],
    ["a mask of another length", [new Float32Array(4), 2, new Float32Array(2), 1, new Uint8Array(3)], /every row/],
    ["no room for the hits", [new Float32Array(4), 2, new Float32Array(4), 2, null], /k values for every query/],
    ["dimension 0", [new Float32Array(4), 0, new Float32Array(2), 1, null], /at least 1/],
  ])("refuses %s", async (_name, inputs, wording) => {
    const call = () => native.scanRows(...(inputs as unknown as ScanInputs), new Int32Array(2), new Float64Array(2));
    await expect(async () => call()).rejects.toThrow(wording);
  });
});

describe("the thread of the caller", () => {
  it.each(["add", "scan"] as const)("is free while a %s runs", async (work) => {
    const { data, cols } = clusteredRows(3000, 64, 6);
    const graph = new (loadSearchAddon().Graph)(cols);
    graph.create(3000, 16, 400, 7);
    let ended = false;
    const running =
      work === "add"
        ? graph.add(data, 0)
        : native.scanRows(data, cols, data, 10, null, new Int32Array(30000), new Float64Array(30000));
    const end = running.then(() => {
      ended = true;
    });
    await nextTurn();
    expect(ended).toBe(false);
    await end;
    expect(ended).toBe(true);
  });
});
