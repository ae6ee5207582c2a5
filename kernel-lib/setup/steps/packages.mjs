import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { SetupError } from "../errors.mjs";
import { findProgram, lastLines, runForStep } from "../programs.mjs";
import { hashFile } from "../stamps.mjs";

const TITLE = "npm packages";

/** The parts of a package.json that decide what is installed; a changed script installs nothing. */
function dependenciesOf(root, path) {
  const whole = JSON.parse(readFileSync(join(root, path), "utf8"));
  const { dependencies, devDependencies, optionalDependencies, overrides, workspaces } = whole;
  return { dependencies, devDependencies, optionalDependencies, overrides, workspaces };
}

/** npm as [program, parameters before the command]: the npm that started us, else the one on PATH. */
function findNpm(context) {
  const own = context.env.npm_execpath ?? "";
  if (basename(own) === "npm-cli.js" && existsSync(own)) return [process.execPath, [own]];
  const found = findProgram(["npm"], context.env);
  if (found !== null) return [found, []];
  throw new SetupError(TITLE, "npm was not found.", "Install npm (it comes with Node) and run the same command again.");
}

/** `npm ci` without install scripts: exactly what package-lock.json says. */
export const packages = {
  name: "packages",
  title: TITLE,
  file: import.meta.url,
  needs: [],
  after: [],
  inputs: ({ root }) => ({
    manifest: dependenciesOf(root, "package.json"),
    library: dependenciesOf(root, "kernel-lib/package.json"),
    lock: hashFile(join(root, "package-lock.json")),
    machine: `${process.platform}-${process.arch}`,
  }),
  async run(context) {
    const [program, first] = findNpm(context);
    const parameters = [
      ...first,
      "ci",
      "--loglevel=error",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "--fetch-retries=2",
      "--fetch-retry-mintimeout=1000",
      "--fetch-retry-maxtimeout=8000",
    ];
    await runForStep(context, packages, program, parameters, {
      onFailure: (output) =>
        new SetupError(
          TITLE,
          `npm ci failed.\n${lastLines(output, 6)}`,
          "The whole output is in .setup/logs/packages.log.",
        ),
    });
    return ["node_modules/.package-lock.json", "node_modules/kernel-lib", "node_modules/@tensorflow/tfjs"];
  },
};
