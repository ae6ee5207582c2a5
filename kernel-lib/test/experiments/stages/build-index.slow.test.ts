import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { EnvironmentError } from "../../../src/base/errors";
import type { Control } from "../../../src/base/types";
import { buildIndex, type Index, measureIndexRecall } from "../../../src/experiments/stages/corpus-index";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadSearchAddon } from "../../../src/search/search-addon";
import { type SmallWorld, smallWorld } from "../helpers/small-world";

vi.mock("../../../src/search/search-addon", async (original) => {
  const real = await original<typeof import("../../../src/search/search-addon")>();
  return { loadSearchAddon: vi.fn(real.loadSearchAddon) };
});
const { loadSearchAddon: real } = await vi.importActual<typeof import("../../../src/search/search-addon")>(
  "../../../src/search/search-addon",
);

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());
beforeEach(() => {
  vi.mocked(loadSearchAddon).mockReset().mockImplementation(real);
});

/** The index of a corpus of so many passages, in an artifacts folder of its own; the profile "test" takes 15 for few. */
async function indexOf(numPassages: number, artifacts: string, control?: Control): Promise<Index> {
  const corpus = await loadCorpus("phantom", { seed: 3, numPassages });
  return buildIndex(await world.openRun(artifacts, control), {
    task: world.task,
    corpus,
    encoderFolder: world.encoderFolder,
  });
}

const graphOf = (index: Index) => existsSync(join(index.artifact.folder, "text", "index.hnsw"));
const kindsOf = ({ views }: Index) => [views.image.kind, views.text.kind];

function takeAwayLibrary(): void {
  vi.mocked(loadSearchAddon).mockImplementation(() => {
    throw new EnvironmentError("loadSearchAddon: not here.");
  });
}

describe("buildIndex", () => {
  test("searches a small corpus exactly, says why, builds no graph, and measures one's recall when asked", async () => {
    const index = await indexOf(12, "few");
    expect(kindsOf(index)).toEqual(["flat", "flat"]);
    expect(index.choice.why).toMatch(/^exact search: 12 x 64 numbers are not more than 1,000/);
    expect(graphOf(index)).toBe(false);
    for (let round = 0; round < 2; round++) {
      const rows = await measureIndexRecall(await world.openRun("few"), index);
      expect(rows.filter(({ ef }) => ef !== null)).toHaveLength(4); // two views, two widths
      for (const { recall } of rows) expect(recall).toBe(1); // of twelve rows a graph misses none
    }
    expect(graphOf(index)).toBe(false);
    index.dispose();
  });

  test("searches a large one by its graph, built and found again", async () => {
    for (const origin of ["computed", "found"]) {
      const index = await indexOf(60, "many");
      expect(index.artifact.origin).toBe(origin);
      expect(kindsOf(index)).toEqual(["hnsw", "hnsw"]);
      expect(index.choice.why).toMatch(/^HNSW: 60 x 64 numbers are more than 1,000/);
      expect(graphOf(index)).toBe(true);
      const rows = await measureIndexRecall(await world.openRun("many"), index);
      expect(rows.map(({ index }) => index)).toContain("hnsw, text view"); // of the graph that is searched
      index.dispose();
    }
  });

  test("searches exactly, saying so, where the graph's library is missing, be it now or when the graph was built", async () => {
    (await indexOf(60, "lost")).dispose();
    takeAwayLibrary();
    const warnings: string[] = [];
    const control: Control = { onWarn: (code) => warnings.push(code) };
    for (const [artifacts, origin] of [
      ["lost", "found"],
      ["never", "computed"],
    ] as const) {
      const index = await indexOf(60, artifacts, control);
      expect(index.artifact.origin).toBe(origin);
      expect(kindsOf(index)).toEqual(["flat", "flat"]);
      expect(index.choice).toEqual({ kind: "flat", why: "exact search: hnswlib-node is not compiled here" });
      index.dispose();
    }
    expect(warnings).toEqual(["exact-index", "exact-index"]); // once each
  });
});
