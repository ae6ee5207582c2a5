import { join } from "node:path";
import { writeWhole } from "../stamps.mjs";

const FIXES = "kernel-lib/dist/notebook/tslab-fixes.js";
const FILE = ".venv/share/jupyter/kernels/tslab/kernel.json";

/** The TypeScript kernel of JupyterLab: this Node and the tslab of this checkout. */
export const kernelSpec = {
  name: "kernel-spec",
  title: "TypeScript kernel",
  file: import.meta.url,
  needs: ["packages"],
  after: ["python"],
  inputs: ({ root }) => ({ node: process.execPath, place: root }),
  async run({ root }) {
    const tslab = join(root, "node_modules/tslab/bin/tslab");
    const spec = {
      // the preload ends a kernel whose server died and lets cells use shorthand properties, which tslab alone gets wrong
      argv: [process.execPath, "--require", join(root, FIXES), tslab, "kernel", "--config-path", "{connection_file}"],
      display_name: "TypeScript",
      language: "typescript",
    };
    writeWhole(join(root, FILE), `${JSON.stringify(spec, null, 2)}\n`);
    return [FILE, "node_modules/tslab/bin/tslab", process.execPath];
  },
};
