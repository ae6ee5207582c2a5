import { beforeEach, describe, expect, it, vi } from "vitest";
import { EnvironmentError } from "../../src/base/errors";
import { openIndex } from "../../src/search/engines";
import type { HnswIndex } from "../../src/search/hnsw-index";
import { loadSearchAddon } from "../../src/search/search-addon";
import { matrix } from "./helpers";

vi.mock("../../src/search/search-addon", async (original) => {
  const real = await original<typeof import("../../src/search/search-addon")>();
  return { loadSearchAddon: vi.fn(real.loadSearchAddon) };
});

const CORPUS = matrix([
  [1, 0],
  [0, 1],
]);

const { loadSearchAddon: real } = await vi.importActual<typeof import("../../src/search/search-addon")>(
  "../../src/search/search-addon",
);

beforeEach(() => {
  vi.mocked(loadSearchAddon).mockReset().mockImplementation(real);
});

describe("openIndex", () => {
  it("builds an exact index of a small corpus and a graph of a large one, saying why", async () => {
    const small = await openIndex(["a", "b"], CORPUS);
    expect([small.index.kind, small.choice.why]).toEqual([
      "flat",
      expect.stringMatching(/^exact search: 2 x 2 numbers/),
    ]);
    const large = await openIndex(["a", "b"], CORPUS, { exactUpTo: 1, ef: 9 });
    expect([large.index.kind, large.choice.why]).toEqual(["hnsw", expect.stringMatching(/^HNSW: 2 x 2 numbers/)]);
    expect((large.index as HnswIndex).ef).toBe(9);
  });

  it("builds what is asked for", async () => {
    for (const prefer of ["hnsw", "flat"] as const) {
      expect((await openIndex(["a", "b"], CORPUS, { prefer })).index.kind).toBe(prefer);
    }
  });

  it("searches exactly, saying so, where hnswlib-node is missing", async () => {
    vi.mocked(loadSearchAddon).mockImplementation(() => {
      throw new EnvironmentError("loadSearchAddon: not here.", { package: "hnswlib-node" });
    });
    const warnings: unknown[][] = [];
    const control = { onWarn: (...args: unknown[]) => warnings.push(args) };
    const { index, choice } = await openIndex(["a", "b"], CORPUS, { prefer: "hnsw", control });
    expect(index.kind).toBe("flat");
    expect(choice).toEqual({ kind: "flat", why: "exact search: hnswlib-node is not compiled here" });
    expect(warnings).toEqual([
      ["exact-index", "openIndex: searching exactly instead. loadSearchAddon: not here.", { package: "hnswlib-node" }],
    ]);
  });
});
