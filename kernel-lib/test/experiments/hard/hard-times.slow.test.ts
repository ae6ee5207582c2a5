import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { computedIds, NUM_STAGES, predictionBytes } from "../grid/grid-processes";
import { makeTinyModels } from "../grid/tiny-world";
import { buildChild } from "./build-child";

/*
 * A grid where the disk is full, the artifacts folder may only be read, the clock jumps, or two checkouts share one folder: it says what is
 * wrong or ends with the same predictions, and leaves nothing half-made that a later run would take for whole.
 */

let root = "";
let models = "";
let program: { readonly file: string; dispose(): void };
let expected = "";

/** Runs the grid to its end. @param shell a command that runs "$@" somewhere. Default: as it is. */
function run(artifactsDir: string, { shell = 'exec "$@"', env = {}, file = program.file } = {}) {
  const argv = ["-c", shell, "sh", process.execPath, file, models, artifactsDir];
  const { status, stdout, stderr } = spawnSync("sh", argv, {
    env: { ...process.env, GRID_CHILD: "1", TF_CPP_MIN_LOG_LEVEL: "3", ...env },
    encoding: "utf8",
  });
  return { status, output: `${stdout}\n${stderr}` };
}

const predictionsOf = (artifactsDir: string): string => JSON.stringify([...predictionBytes(artifactsDir)]);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "hard-times-"));
  models = join(root, "models");
  await makeTinyModels(models);
  program = await buildChild(join(__dirname, "../grid/grid-child.ts"));
  expect(run(join(root, "undisturbed")).output).toMatch(/^end$/m);
  expected = predictionsOf(join(root, "undisturbed"));
});
afterAll(() => {
  program.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** A mount of its own that ends with the program: not permitted everywhere. */
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;
const mounted = canMount ? "" : " (skipped: unshare -m is not permitted)";
const inMount = (mount: string): string => `unshare -m sh -c '${mount} && exec "$@"' sh "$@"`;

describe.skipIf(!canMount)(`where the artifacts folder is no good${mounted}`, () => {
  test("a full disk is named, with how much is missing or that there is no room, and the next run ends as if nothing had been", () => {
    for (const kilobytes of [40, 400, 1500]) {
      const artifactsDir = join(root, `full-${kilobytes}`);
      const kept = join(root, `kept-${kilobytes}`);
      for (const folder of [artifactsDir, kept]) mkdirSync(folder);
      const mount = `mount -t tmpfs -o size=${kilobytes}k tmpfs ${artifactsDir}`;
      // what the small disk holds at the end is what a user finds
      const shell = `unshare -m sh -c '${mount} && "$@"; code=$?; cp -r ${artifactsDir}/. ${kept}/; exit $code' sh "$@"`;
      const { output } = run(artifactsDir, { shell });
      expect(output).toMatch(/ENOSPC|no space left|disk/i);
      expect(output).not.toMatch(/TypeError|undefined|RangeError/);
      expect(run(kept).output).toMatch(/^end$/m);
      expect(predictionsOf(kept)).toBe(expected);
    }
  });

  test("one that may only be read is named, and what it holds is used", () => {
    const artifactsDir = join(root, "read-only");
    mkdirSync(artifactsDir);
    const shell = inMount(`mount --bind ${artifactsDir} ${artifactsDir} && mount -o remount,ro,bind ${artifactsDir}`);
    const empty = run(artifactsDir, { shell });
    expect(empty.output).toMatch(/EROFS|read-only/i);
    expect(empty.output).toContain(artifactsDir);
    expect(readdirSync(artifactsDir)).toEqual([]);
    cpSync(join(root, "undisturbed"), artifactsDir, { recursive: true });
    const whole = run(artifactsDir, { shell });
    expect(whole.output).toMatch(/^end$/m);
    expect(whole.output).not.toMatch(/^(computed|failed) /m);
  });
});

test("a clock that jumps by months changes nothing, and stops nothing", () => {
  const artifactsDir = join(root, "clock");
  const clock = join(__dirname, "clock.cjs");
  expect(run(artifactsDir, { env: { NODE_OPTIONS: `--require ${clock}` } }).output).toMatch(/^end$/m);
  expect(predictionsOf(artifactsDir)).toBe(expected);
});

test("two checkouts that share an artifacts folder make each stage once, and read each other's", async () => {
  const artifactsDir = join(root, "shared");
  const other = await buildChild(join(__dirname, "../grid/grid-child.ts"));
  try {
    const shell = `"$@" > ${root}/first.log 2>&1 & GRID_CHILD=1 ${process.execPath} ${other.file} ${models} ${artifactsDir} > ${root}/second.log 2>&1; code=$?; wait; exit $code`;
    expect(run(artifactsDir, { shell }).status).toBe(0);
    for (const log of ["first.log", "second.log"]) expect(readFileSync(join(root, log), "utf8")).toMatch(/^end$/m);
    const ids = computedIds(artifactsDir);
    expect(ids.length).toBe(NUM_STAGES);
    expect(new Set(ids).size).toBe(NUM_STAGES);
    expect(predictionsOf(artifactsDir)).toBe(expected);
    expect(existsSync(join(artifactsDir, "predictions"))).toBe(true);
  } finally {
    other.dispose();
  }
});
