import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hnswlib } from "../../setup/steps/hnswlib.mjs";
import { fakeContext, fakeProgram, place, REPOSITORY, temporaryFolder } from "./fakes";

const ADDON = "node_modules/hnswlib-node/build/Release/jomed_search.node";
const BUILT = join(REPOSITORY, ADDON);

/** A compiler that says what to do with and without the processor's own instructions; "$2" is the file to write. */
function compilerContext(tuned: string, plain: string) {
  const root = temporaryFolder();
  place(root, "node_modules/hnswlib-node/src/hnswlib/hnswlib.h");
  const own = 'case "$*" in *-march=native*) own=1;; esac; while [ "$1" != "-o" ]; do shift; done;';
  fakeProgram(join(root, "bin"), "g++", `${own} if [ "$own" = 1 ]; then ${tuned}; else ${plain}; fi`);
  return fakeContext(root, join(root, "bin"));
}

const COPY = `/bin/cp '${BUILT}' "$2"`;
const GARBAGE = 'echo garbage > "$2"';

describe.runIf(process.platform === "linux" && process.arch === "x64" && existsSync(BUILT))(
  "the approximate index's step",
  () => {
    it("compiles for this processor and says nothing when that works", async () => {
      const context = compilerContext(COPY, "exit 1");
      expect(await hnswlib.run(context)).toEqual([ADDON]);
      expect(context.lines).toEqual([]);
      expect(readFileSync(join(context.root, ADDON)).equals(readFileSync(BUILT))).toBe(true);
    });

    it.each([
      ["is refused", "echo 'unknown processor' >&2; exit 1", "the compiler failed (unknown processor)"],
      ["does not load", GARBAGE, "the add-on does not work"],
    ])("falls back to common instructions, with the reason, when the tuned file %s", async (_name, tuned, reason) => {
      const context = compilerContext(tuned, COPY);
      expect(await hnswlib.run(context)).toEqual([ADDON]);
      expect(context.lines).toHaveLength(1);
      expect(context.lines[0]).toContain(`without the processor's own instructions (${reason}`);
    });

    it("is left out when neither file works", async () => {
      const context = compilerContext(GARBAGE, GARBAGE);
      await expect(hnswlib.run(context)).rejects.toMatchObject({
        name: "StepSkipped",
        message: expect.stringContaining("the add-on does not work"),
      });
      expect(existsSync(join(context.root, ADDON))).toBe(false);
    });
  },
);
