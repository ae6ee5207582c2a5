import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../errors.mjs";
import { lastLines, runForStep } from "../programs.mjs";
import { hashFile, hashFolder } from "../stamps.mjs";

const TITLE = "kernel-lib";
const DIST = "kernel-lib/dist";
const BESIDE = ".setup/library.new";
const OLD = ".setup/library.old";

/** Compiles kernel-lib beside its place and swaps it in, so that a running notebook never sees half of it. */
export const library = {
  name: "library",
  title: TITLE,
  file: import.meta.url,
  needs: ["packages"],
  after: [],
  inputs: ({ root }) => ({
    sources: hashFolder(join(root, "kernel-lib/src")),
    options: [hashFile(join(root, "tsconfig.json")), hashFile(join(root, "kernel-lib/tsconfig.json"))],
  }),
  async run(context) {
    const { root } = context;
    const place = (path) => join(root, path);
    for (const left of [BESIDE, OLD]) rmSync(place(left), { recursive: true, force: true });
    const compiler = "node_modules/typescript/bin/tsc";
    const parameters = [compiler, "-p", "kernel-lib/tsconfig.json", "--outDir", BESIDE, "--incremental", "false"];
    await runForStep(context, library, process.execPath, parameters, {
      onFailure: (output) =>
        new SetupError(
          TITLE,
          `TypeScript refused kernel-lib/src.\n${lastLines(output, 8)}`,
          "Correct it and run again.",
        ),
    });
    if (existsSync(place(DIST))) renameSync(place(DIST), place(OLD));
    renameSync(place(BESIDE), place(DIST));
    rmSync(place(OLD), { recursive: true, force: true });
    return [`${DIST}/index.js`, `${DIST}/index.d.ts`];
  },
};
