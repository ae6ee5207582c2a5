import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { contentOf, KernelSession, resultText, streamText } from "../helpers/kernel-session";
import { IDIOMS } from "./idioms";

const root = repositoryRoot();
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What a piece of code prints, and its last value as Node shows it. */
interface Outcome {
  readonly printed: string;
  readonly value: string;
}

/** A module per idiom, that gives away its last value in a list. */
function writeModules(folder: string): void {
  mkdirSync(join(folder, "source"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
  for (const [i, [, code, last]] of IDIOMS.entries())
    writeFileSync(join(folder, "source", `m${i}.mts`), `${code}\nexport default [\n${last}\n];\n`);
  const compilerOptions = {
    target: "es2024",
    lib: ["esnext"],
    module: "esnext",
    moduleResolution: "bundler",
    moduleDetection: "force",
    strict: true,
    useUnknownInCatchVariables: false,
    types: ["node"],
    skipLibCheck: true,
    outDir: "out",
    rootDir: "source",
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["source"] }));
}

const RUN = `
import { inspect } from "node:util";
const outcomes = [];
for (let i = 0; i < ${IDIOMS.length}; i++) {
  let printed = "";
  const write = process.stdout.write;
  process.stdout.write = (text) => { printed += text; return true; };
  const given = await import("./out/m" + i + ".mjs").then((module) => module.default[0], (error) => error);
  process.stdout.write = write;
  outcomes.push({ printed, value: inspect(given, { depth: 3 }) });
}
process.stdout.write(JSON.stringify(outcomes));
`;

/** Compiles all of them with tsc, and runs them in Node. */
function runModules(folder: string): Outcome[] {
  writeModules(folder);
  const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], {
    encoding: "utf8",
  });
  expect(tsc.stdout).toBe("");
  writeFileSync(join(folder, "run.mjs"), RUN);
  const node = spawnSync(process.execPath, ["run.mjs"], { cwd: folder, encoding: "utf8" });
  expect(node.stderr).toBe("");
  return JSON.parse(node.stdout) as Outcome[];
}

describe("a hundred idioms of ordinary cells", () => {
  let folder: string;
  let session: KernelSession;
  let outcomes: Outcome[];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kernel-idioms-"));
    outcomes = runModules(folder);
    session = await KernelSession.start(root, folder);
  });
  afterAll(async () => {
    await session?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("are a hundred", () => {
    expect(new Set(IDIOMS.map(([name]) => name)).size).toBeGreaterThanOrEqual(100);
    expect(readFileSync(join(folder, "tsconfig.json"), "utf8")).toContain("strict");
  });

  it.each(IDIOMS.map((idiom, i) => [idiom[0], i] as const))("%s", async (_name, i) => {
    const [, code, last] = IDIOMS[i]!;
    const ran = await session.execute(`${code}\n${last}`);
    expect(contentOf(ran, "error")?.["evalue"]).toBeUndefined();
    const value = resultText(ran)?.replaceAll(ANSI, "") ?? "undefined";
    expect({ printed: streamText(ran), value, warned: streamText(ran, "stderr") }).toEqual({
      ...outcomes[i],
      warned: "",
    });
  });
});
