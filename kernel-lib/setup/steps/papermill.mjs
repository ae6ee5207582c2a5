import { readdirSync } from "node:fs";
import { join } from "node:path";
import { StepSkipped } from "../errors.mjs";
import { lastLines, runForStep } from "../programs.mjs";
import { hashFolder } from "../stamps.mjs";
import { PIP, PIP_RETRIES, withPipFolder } from "./python.mjs";

const PACKAGE = "kernel-lib/papermill";

function installed(root) {
  const version = readdirSync(join(root, ".venv", "lib")).find((name) => name.startsWith("python3"));
  return `.venv/lib/${version ?? "python3"}/site-packages/typescript_papermill.py`;
}

/** papermill's knowledge of TypeScript, so that `papermill -p` works on the notebooks. */
export const papermill = {
  name: "papermill",
  title: "papermill's TypeScript",
  file: import.meta.url,
  needs: ["python"],
  after: [],
  inputs: ({ root }) => ({ package: hashFolder(join(root, PACKAGE)) }),
  async run(context) {
    const parameters = [...PIP, ...PIP_RETRIES, "--no-deps", "--force-reinstall", `./${PACKAGE}`];
    await runForStep(withPipFolder(context, "papermill"), papermill, ".venv/bin/python", parameters, {
      onFailure: (output) =>
        new StepSkipped(
          `papermill was not taught TypeScript (${lastLines(output, 1)})`,
          "See .setup/logs/papermill.log; everything but papermill -p works.",
        ),
    });
    return [installed(context.root)];
  },
};
