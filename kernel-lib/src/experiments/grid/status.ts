import { access } from "node:fs/promises";
import { lockFileOf, workFolderOf } from "../../store/folder";
import { lockHolder } from "../../store/lock";
import { placeIn, thereIn } from "./locate";
import type { GridPlan } from "./plan";
import { readFailures } from "./record";
import type { GridStage } from "./stages";

/**
 * - "done": the result is there;
 * - "running": a process is at work on it (`who`), as far as can be seen from here;
 * - "failed": it failed when it was last tried (`message`);
 * - "stopped": begun and interrupted; the next run goes on from its last checkpoint;
 * - "missing": nothing is there yet.
 */
export type StageState = "done" | "running" | "failed" | "stopped" | "missing";

/** One stage as it stands on disk. */
export interface StageStatus {
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
  const place = placeIn(settings.artifactsDir, stage.kind, key);
  if (await thereIn(place)) return { stage, state: "done" };
  const holder = await lockHolder(lockFileOf(place.folder));
  if (holder !== null && holder.since !== null)
    return { stage, state: "running", who: holder.name, since: holder.since };
  const begun = await access(workFolderOf(place.folder)).then(
    () => true,
    () => false,
  );
  return { stage, state: begun ? "stopped" : "missing" };
}
