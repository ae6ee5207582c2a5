import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { Control } from "../../base/types";
import { artifactPlace } from "../../store/artifact";
import { appendWhole, namesIn, writeFileAtomic } from "../../store/files";
import { lockFileOf, workFolderOf } from "../../store/folder";
import { lockHolder } from "../../store/lock";
import type { GridStage } from "./graph";
import type { GridSettings } from "./options";
import type { GridPlan } from "./plan";
import { isStored } from "./session";

/** A result of the grid and where it lies: what gridResults finds stored rows by. */
export interface CellRecord {
  readonly id: string;
  readonly kind: "predictions" | "results";
  readonly profile: string;
  readonly source: string;
  readonly task: string;
  readonly backbone: string;
  readonly seed: number;
  /** Of predictions; null for results, which hold those of several systems. */
  readonly system: string | null;
  readonly key: string;
  /** Of results: keys of the predictions they were made from. */
  readonly answers: readonly string[];
}

const CELL_FIELDS = [
  "id",
  "kind",
  "profile",
  "source",
  "task",
  "backbone",
  "seed",
  "system",
  "key",
  "answers",
] as const;

/** A stage that failed when it was last tried. */
interface FailureRecord {
  readonly id: string;
  readonly task: string;
  readonly message: string;
  readonly at: string;
  readonly pid: number;
}

/** The folder of a grid's records below the artifacts folder. */
const RECORDS = "grid";

/** What several processes write down about one grid: who computed what, what failed, where the results lie. */
export interface GridRecords {
  computed(stage: GridStage, key: string, seconds: number): Promise<void>;
  failed(stage: GridStage, message: string): Promise<void>;
  /** The result is there: no failure any more. `answers`: of results, the keys of the predictions behind them. */
  there(stage: GridStage, key: string, answers: readonly string[]): Promise<void>;
}

type Named = Pick<GridSettings, "source" | "profile" | "artifactsDir">;

function folderOf({ artifactsDir, source, profile }: Named): string {
  return join(artifactsDir, RECORDS, `${source}-${profile}`);
}

/** Opens the records of a plan's grid. A folder that cannot be written to costs the records only: said aloud, code "grid-record". */
export function openRecords({ settings, cells }: Pick<GridPlan, "settings" | "cells">, control: Control): GridRecords {
  const folder = folderOf(settings);
  const { profile, source } = settings;
  const answered = new Map(cells.map((cell) => [cell.stage, cell]));
  const attempt = async (write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      control.onWarn?.("grid-record", `runGrid: no record is kept in ${folder}: ${(error as Error).message}`, {
        folder,
      });
    }
  };
  const log = (entry: object): void => {
    appendWhole(join(folder, "log.jsonl"), `${JSON.stringify({ at: new Date(), pid: process.pid, ...entry })}\n`);
  };
  return {
    computed: ({ id }, key, seconds) => attempt(async () => log({ event: "computed", id, key, seconds })),
    failed: (stage, message) =>
      attempt(async () => {
        const { id, task } = stage;
        log({ event: "failed", id, message });
        const at = new Date().toISOString();
        writeJsonFile(join(folder, "failures", id), { id, task, message, at, pid: process.pid });
      }),
    there: ({ id, task, backbone, seed, enough }, key, answers) =>
      attempt(async () => {
        await rm(`${join(folder, "failures", id)}.json`, { force: true });
        const cell = answered.get(id);
        if (cell === undefined && enough === "all") return;
        const kind = cell === undefined ? "results" : "predictions";
        const record = { id, kind, profile, source, task, backbone, seed, system: cell?.system ?? null, key, answers };
        // results of different sets of systems stand beside each other
        const file = join(folder, "cells", kind === "results" ? `${id}.${key.slice(0, 8)}` : id);
        if ((await readFile(`${file}.json`, "utf8").catch(() => "")) === textOf(record)) return;
        writeJsonFile(file, record);
      }),
  };
}

const textOf = (value: object): string => `${JSON.stringify(value)}\n`;

function writeJsonFile(file: string, value: object): void {
  writeFileAtomic(`${file}.json`, textOf(value));
}

/** The failures of a grid by stage id. */
async function readFailures(settings: Named): Promise<Map<string, FailureRecord>> {
  const found = await readAll<FailureRecord>(join(folderOf(settings), "failures"), ["id", "message", "at"]);
  return new Map(found.map((failure) => [failure.id, failure]));
}

/** The results of every grid that was run in an artifacts folder. */
export async function readCells(artifactsDir: string): Promise<CellRecord[]> {
  const grids = await namesIn(join(artifactsDir, RECORDS));
  const cells = await Promise.all(
    grids.map((name) => readAll<CellRecord>(join(artifactsDir, RECORDS, name, "cells"), CELL_FIELDS)),
  );
  return cells.flat();
}

/** The records of a folder; one that goes away meanwhile is none. @throws DataError on a file that is no record. */
async function readAll<T extends object>(folder: string, fields: readonly (keyof T & string)[]): Promise<T[]> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith(".json"));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8").catch(() => null)));
  return texts.flatMap((text, i) => (text === null ? [] : [toRecord<T>(text, join(folder, names[i]!), fields)]));
}

/** Whether a field of a record is of its type: a number, keys, a name or null, or a text. */
function isSound(field: string, value: unknown): boolean {
  if (field === "seed") return Number.isSafeInteger(value);
  if (field === "answers") return Array.isArray(value) && value.every((key) => typeof key === "string");
  return typeof value === "string" || (field === "system" && value === null);
}

function toRecord<T extends object>(text: string, file: string, fields: readonly (keyof T & string)[]): T {
  try {
    const found = JSON.parse(text) as T;
    if (fields.every((field) => isSound(field, found[field]))) return found;
  } catch {
    // said below
  }
  throw new DataError(
    `gridResults: ${file} must be JSON with ${fields.join(", ")}, as the grid writes them. Delete it; the next run of the grid writes it again.`,
    { file },
  );
}

/**
 * - "done": the result is there;
 * - "running": a process is at work on it (`who`), as far as can be seen from here;
 * - "failed": it failed when it was last tried (`message`);
 * - "stopped": begun and interrupted; the next run goes on from its last checkpoint;
 * - "missing": nothing is there yet.
 */
export type StageState = "done" | "running" | "failed" | "stopped" | "missing";

/** One stage as it stands on disk. */
interface StageStatus {
  readonly stage: GridStage;
  readonly state: StageState;
  readonly who?: string;
  readonly since?: string;
  readonly message?: string;
}

/** How a grid stands, and how many of its stages are in each state. */
export interface GridStatus {
  readonly stages: readonly StageStatus[];
  readonly counts: Readonly<Record<StageState, number>>;
}

/** Looks at a plan's stages on disk. Opens no data, no model and no backend. */
export async function gridStatus(plan: GridPlan): Promise<GridStatus> {
  const failures = await readFailures(plan.settings);
  const stages = await Promise.all(
    plan.stages.map(async ({ key, ...stage }): Promise<StageStatus> => {
      const facts = key === null ? null : await lookAt(plan, stage, key);
      if (facts?.state === "done" || facts?.state === "running") return facts;
      const failure = failures.get(stage.id);
      if (failure !== undefined) return { stage, state: "failed", message: failure.message, since: failure.at };
      return facts ?? { stage, state: "missing" };
    }),
  );
  const counts = { done: 0, running: 0, failed: 0, stopped: 0, missing: 0 };
  for (const { state } of stages) counts[state] += 1;
  return { stages, counts };
}

async function lookAt({ settings }: GridPlan, stage: GridStage, key: string): Promise<StageStatus> {
  const place = artifactPlace(settings.artifactsDir, stage.kind, key);
  if (await isStored(place, "look")) return { stage, state: "done" };
  const holder = await lockHolder(lockFileOf(place.folder));
  if (holder !== null && holder.since !== null)
    return { stage, state: "running", who: holder.name, since: holder.since };
  const begun = await access(workFolderOf(place.folder)).then(
    () => true,
    () => false,
  );
  return { stage, state: begun ? "stopped" : "missing" };
}
