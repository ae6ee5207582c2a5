import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseIndex, EXACT_UP_TO, loadSavedIndex } from "../../src/search/engines";
import { createFlatIndex } from "../../src/search/flat-index";
import { matrix } from "./helpers";

describe("chooseIndex", () => {
  it("goes by size, and says so", () => {
    expect(chooseIndex({ rows: EXACT_UP_TO / 64, cols: 64 }).kind).toBe("flat");
    expect(chooseIndex({ rows: EXACT_UP_TO / 64 + 1, cols: 64 }).kind).toBe("hnsw");
    expect(chooseIndex({ rows: EXACT_UP_TO / 64, cols: 65 }).kind).toBe("hnsw");
    expect(chooseIndex({ rows: 3000, cols: 64 }, { exactUpTo: 192_000 })).toEqual({
      kind: "flat",
      why: "exact search: 3,000 x 64 numbers are not more than 192,000, few enough to compare with every query",
    });
    expect(chooseIndex({ rows: 3001, cols: 64 }, { exactUpTo: 192_000 })).toEqual({
      kind: "hnsw",
      why: "HNSW: 3,001 x 64 numbers are more than 192,000, too many to compare with every query",
    });
  });

  it("does what it is told", () => {
    const huge = { rows: 10 ** 7, cols: 512 };
    expect(chooseIndex({ rows: 10, cols: 2 }, { prefer: "hnsw" })).toEqual({ kind: "hnsw", why: "HNSW: asked for" });
    expect(chooseIndex(huge, { prefer: "flat" })).toEqual({ kind: "flat", why: "exact search: asked for" });
  });

  it.each([
    [{ prefer: "best" as "flat" }, {}, /^chooseIndex: prefer must be one of auto, flat, hnsw/],
    [{ exactUpTo: -1 }, {}, /^chooseIndex: exactUpTo must be a whole number/],
    [{}, { rows: -1 }, /^chooseIndex: rows must be a whole number in \[0, /],
    [{}, { cols: 0.5 }, /^chooseIndex: cols must be a whole number in \[0, /],
  ])("refuses %j of %j", (options, size, wording) => {
    expect(() => chooseIndex({ rows: 1, cols: 1, ...size }, options)).toThrow(wording);
    expect(chooseIndex({ rows: 0, cols: 0 }, { exactUpTo: 0 }).kind).toBe("flat");
  });
});

describe("loadSavedIndex", () => {
  it("loads an index by the kind that it had, and refuses another kind in its own name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "saved-index-"));
    try {
      const rows = matrix([
        [1, 0],
        [0, 1],
      ]);
      await createFlatIndex(["a", "b"], rows).save(folder);
      expect((await loadSavedIndex("flat", folder)).ids).toEqual(["a", "b"]);
      await expect(loadSavedIndex("best", folder)).rejects.toThrow(/^loadSavedIndex: kind must be one of flat, hnsw/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
