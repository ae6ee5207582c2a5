import { beforeEach, describe, expect, it, vi } from "vitest";
import { EnvironmentError } from "../../src/base/errors";
import { loadHnswlib } from "../../src/search/hnswlib";
import { openIndex } from "../../src/search/open-index";
import { matrix } from "./helpers";

vi.mock("../../src/search/hnswlib", async (original) => {
  const real = await original<typeof import("../../src/search/hnswlib")>();
  return { loadHnswlib: vi.fn(real.loadHnswlib) };
});

const CORPUS = matrix([
  [1, 0],
  [0, 1],
]);

function missing(): never {
  throw new Error("Cannot find module");
}

beforeEach(() => vi.mocked(loadHnswlib).mockClear());

describe("openIndex", () => {
  it("builds a graph by default and an exact index when asked", async () => {
    expect((await openIndex(["a", "b"], CORPUS)).kind).toBe("hnsw");
    expect((await openIndex(["a", "b"], CORPUS, { prefer: "flat" })).kind).toBe("flat");
  });

  it("searches exactly, saying so, where hnswlib-node is missing", async () => {
    vi.mocked(loadHnswlib).mockImplementationOnce(() => {
      throw new EnvironmentError("loadHnswlib: not here.", { package: "hnswlib-node" });
    });
    const warnings: unknown[][] = [];
    const index = await openIndex(["a", "b"], CORPUS, { control: { onWarn: (...args) => warnings.push(args) } });
    expect(index.kind).toBe("flat");
    expect(warnings).toEqual([
      ["exact-index", "openIndex: searching exactly instead. loadHnswlib: not here.", { package: "hnswlib-node" }],
    ]);
  });

  it("does not hide other errors behind the exact index", async () => {
    await expect(openIndex(["a", "b"], CORPUS, { m: 0 })).rejects.toMatchObject({ code: "config" });
    await expect(openIndex(["a", "b"], CORPUS, { prefer: "best" as "flat" })).rejects.toThrow(
      /prefer must be one of hnsw, flat/,
    );
  });
});

describe("loadHnswlib", () => {
  it("explains what to do when the package cannot be loaded", async () => {
    const { loadHnswlib: real } =
      await vi.importActual<typeof import("../../src/search/hnswlib")>("../../src/search/hnswlib");
    expect(() => real(missing)).toThrow(
      expect.objectContaining({
        code: "environment",
        message: expect.stringMatching(/npm run setup.*createFlatIndex/),
      }),
    );
  });
});
