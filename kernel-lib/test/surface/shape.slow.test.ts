import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { drawRooms, roomsTable } from "../../shape/draw.mjs";
import { findCircles, listFiles, listImports, roomImports } from "../../shape/measure.mjs";
import { place, REPOSITORY, temporaryFolder } from "../setup/fakes";

describe("the shape of kernel-lib", () => {
  it("has no two folders of a room that import each other", async () => {
    expect(findCircles(await listImports())).toEqual([]);
  });

  it("has at most 430 files of at most 450 lines, half of them between 80 and 160", () => {
    const sizes = listFiles()
      .filter(({ path }) => path !== "index.ts")
      .map(({ lines }) => lines)
      .sort((a, b) => a - b);
    expect(sizes.length).toBeLessThanOrEqual(430);
    expect(sizes.at(-1)).toBeLessThanOrEqual(450);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeGreaterThanOrEqual(80);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(160);
  });

  it("is drawn as it is: docs/rooms.svg and the table of docs/architecture.md (npm run shape -- --write)", async () => {
    const drawn = drawRooms(roomImports(await listImports()));
    expect(drawn).toBe(readFileSync(join(REPOSITORY, "docs/rooms.svg"), "utf8"));
    expect(readFileSync(join(REPOSITORY, "docs/architecture.md"), "utf8")).toContain(roomsTable());
  });
});

describe("findCircles", () => {
  const circlesOf = async (files: Record<string, string>): Promise<string[]> => {
    const root = temporaryFolder();
    for (const [path, text] of Object.entries(files)) place(root, `kernel-lib/src/${path}`, text);
    return findCircles(await listImports(root));
  };
  const plain = "export const one = 1;\n";

  it("finds folders that import each other through different files, types included", async () => {
    const files = {
      "data/tasks/a.ts": 'export { one } from "../corpora/b";\n',
      "data/corpora/b.ts": plain,
      "data/corpora/c.ts": 'export type { T } from "../tasks/d";\n',
      "data/tasks/d.ts": "export type T = 1;\n",
    };
    expect(await circlesOf(files)).toEqual(["data/corpora <-> data/tasks"]);
  });

  it("lets a room's own files list its folders and hold what they share", async () => {
    const files = {
      "data/table.ts": 'export { one } from "./tasks/a";\n',
      "data/tasks/a.ts": 'export { one } from "../shared";\n',
      "data/shared.ts": plain,
    };
    expect(await circlesOf(files)).toEqual([]);
  });
});
