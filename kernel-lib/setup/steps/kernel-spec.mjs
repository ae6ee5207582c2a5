import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { hashFile, writeWhole } from "../stamps.mjs";

const PROGRAM = "kernel-lib/dist/kernel/serve/main.js";
const FOLDER = ".venv/share/jupyter/kernels/tslab";
const FILE = `${FOLDER}/kernel.json`;
/** What front ends show for it. */
const LOGO = "kernel-lib/kernelspec/logo-svg.svg";

/**
 * What a Jupyter front end reads to start the kernel of this checkout. The spec keeps the name "tslab", which the notebooks
 * carry: where only tslab's own kernel is installed, they open in that.
 */
export function kernelSpecOf(root) {
  return {
    argv: [process.execPath, join(root, PROGRAM), "{connection_file}"],
    display_name: "TypeScript (kernel-lib)",
    language: "typescript",
    interrupt_mode: "message",
  };
}

/** The TypeScript kernel of JupyterLab: this Node and the library of this checkout. */
export const kernelSpec = {
  name: "kernel-spec",
  title: "TypeScript kernel",
  file: import.meta.url,
  needs: ["packages"],
  after: ["python"],
  inputs: ({ root }) => ({ node: process.execPath, place: root, logo: hashFile(join(root, LOGO)) }),
  async run({ root }) {
    writeWhole(join(root, FILE), `${JSON.stringify(kernelSpecOf(root), null, 2)}\n`);
    copyFileSync(join(root, LOGO), join(root, FOLDER, "logo-svg.svg"));
    return [FILE, process.execPath];
  },
};
