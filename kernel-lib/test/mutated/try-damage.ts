import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import { mutateBytes, mutateJson } from "../models/mutate";
import { type Kept, soundFolder } from "./kept-files";

/** What came of many damaged copies of one file. */
export interface DamageReport {
  readonly refused: number;
  readonly read: number;
  /** Seeds, with what must not be: another kind of error, other content, more than the time allowed. */
  readonly faults: readonly string[];
}

/** Of processor time: the machine may be busy. */
const MOST_SECONDS = 5;

/** Whether the text of a file is a JSON object, so that single values of it can be changed. */
function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** Damages a file `count` times and reads it each time. JSON is damaged value by value three times out of four. */
export async function tryDamage(kept: Kept, count: number): Promise<DamageReport> {
  const { folder, remove } = await soundFolder(kept);
  const path = join(folder, kept.file);
  const sound = readFileSync(path);
  const byValue = isJson(sound.toString("utf8"));
  const report = { refused: 0, read: 0, faults: [] as string[] };
  try {
    const expected = JSON.stringify(await kept.read(folder));
    for (let k = 0; k < count; k++) {
      const random = createRandom(`damage/${kept.name}/${k}`);
      const damaged = byValue && k % 4 !== 0 ? mutateJson(sound.toString("utf8"), random) : mutateBytes(sound, random);
      writeFileSync(path, damaged);
      const start = process.cpuUsage();
      try {
        const found = JSON.stringify((await kept.read(folder)) ?? null);
        report.read++;
        const isAbsent = kept.absent === "null" && found === "null";
        if (kept.accepts === "same" && found !== expected && !isAbsent)
          report.faults.push(`${k}: read as ${found.slice(0, 200)}: ${String(damaged).slice(0, 300)}`);
      } catch (error) {
        report.refused++;
        if (!isKernelError(error)) report.faults.push(`${k}: ${String((error as Error).stack).slice(0, 400)}`);
      }
      if (process.cpuUsage(start).user / 1e6 > MOST_SECONDS) report.faults.push(`${k}: too slow`);
      writeFileSync(path, sound);
    }
  } finally {
    remove();
  }
  return report;
}
