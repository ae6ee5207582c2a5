// npm run check:licences — what the project stands on, and what of it is not as the written list says (supply/allowed.json).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkLock, checkPython, checkRequirements, checkVersions, countLicences } from "./check.mjs";

const root = join(import.meta.dirname, "..", "..");
const text = (...path) => readFileSync(join(root, ...path), "utf8");
const allowed = JSON.parse(text("kernel-lib", "supply", "allowed.json"));
const lock = JSON.parse(text("package-lock.json"));

/** METADATA of every installed Python package; none without the environment. */
function installedPython() {
  const lib = join(root, ".venv", "lib");
  const folders = existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name, "site-packages")) : [];
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".dist-info") && existsSync(join(folder, name, "METADATA")))
      .map((name) => [name.replace(/-[^-]*\.dist-info$/, ""), readFileSync(join(folder, name, "METADATA"), "utf8")]),
  );
}

const python = installedPython();
const requirements = readdirSync(root).filter((name) => /^requirements.*\.txt$/.test(name));
const faults = [
  ...checkLock(lock, allowed),
  ...checkVersions(JSON.parse(text("package.json"))),
  ...requirements.flatMap((name) => checkRequirements(text(name), name)),
  ...checkPython(python, allowed),
];
for (const [licence, count] of countLicences(lock)) process.stdout.write(`${String(count).padStart(4)}  ${licence}\n`);
process.stdout.write(
  python.length === 0 ? "Python packages: not installed, not looked at\n" : `${python.length} Python packages\n`,
);
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(
  faults.length === 0 ? "All as kernel-lib/supply/allowed.json says.\n" : `${faults.length} faults.\n`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
