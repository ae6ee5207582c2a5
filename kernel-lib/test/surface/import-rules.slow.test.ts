import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { place, REPOSITORY, temporaryFolder } from "../setup/fakes";

const PROGRAM = join(REPOSITORY, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");

/** Judges a small library made of these files. */
function judge(files: Record<string, string>) {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(files)) place(root, `kernel-lib/src/${path}`, text);
  mkdirSync(join(root, "node_modules"));
  symlinkSync(join(REPOSITORY, "node_modules/tslab"), join(root, "node_modules/tslab"));
  const parameters = [PROGRAM, "--config", join(REPOSITORY, ".dependency-cruiser.cjs"), "kernel-lib/src"];
  const end = spawnSync(process.execPath, parameters, { cwd: root, encoding: "utf8" });
  return { code: end.status, text: end.stdout + end.stderr };
}

const ROOM = "export const one = 1;\n";

/** One file a rule, each breaking that rule and no other. */
const PLANTED: Record<string, string> = {
  "base/upward.ts": 'import "../models/fine";\n',
  "metrics/type-upward.ts": 'export type { T } from "../cli/type";\n',
  "data/cycle-a.ts": 'import "./cycle-b";\n',
  "figures/model.ts": 'import "../models/fine";\n',
  "figures/tslab.ts": 'import * as tslab from "tslab";\nexport { tslab };\n',
  "novel/room.ts": 'import "../base/fine";\n',
  "search/index-inside.ts": 'import "../index";\n',
  "search/room-index.ts": 'import "../models/index";\n',
  "reader/gone.ts": 'import "./gone-file";\n',
};
const HELPERS: Record<string, string> = {
  "base/fine.ts": ROOM,
  "models/index.ts": ROOM,
  "models/fine.ts": 'export { one } from "../base/fine";\n',
  "cli/type.ts": "export type T = 1;\n",
  "data/cycle-b.ts": 'import "./cycle-a";\n',
  "index.ts": ROOM,
};

describe("the import rules", () => {
  it("pass imports from earlier rooms", () => {
    const files = { "base/fine.ts": ROOM, "models/fine.ts": HELPERS["models/fine.ts"] ?? "" };
    expect(judge(files)).toMatchObject({ code: 0 });
  });

  it("refuse each planted violation by name, and nothing else", () => {
    const { code, text } = judge({ ...HELPERS, ...PLANTED });
    expect(code).not.toBe(0);
    const found = [...text.matchAll(/error ([a-z-]+): kernel-lib\/src\/(\S+)/g)].map(
      ([, rule, file]) => `${rule} ${file}`,
    );
    expect(found.sort()).toEqual([
      "figures-only-draw figures/model.ts",
      "known-rooms novel/room.ts",
      "no-cycle data/cycle-a.ts",
      "no-index-inside search/index-inside.ts",
      "no-index-inside search/room-index.ts",
      "no-upward-import-from-base base/upward.ts",
      "no-upward-import-from-metrics metrics/type-upward.ts",
      "only-notebook-knows-tslab figures/tslab.ts",
      "resolvable reader/gone.ts",
    ]);
  });
});
