import { setTimeout as sleep } from "node:timers/promises";
import { assertNotInterrupted } from "../../base/check";
import { EnvironmentError, isKernelError } from "../../base/errors";
import type { Control, ProgressEvent } from "../../base/types";
import { type ArtifactPlace, artifactPlace } from "../../store/artifact";
import { lockFileOf } from "../../store/folder";
import { lockHolder } from "../../store/lock";
import { isStageHeld } from "../stages/stage";
import { type GridNode, type GridStage, gridGraph } from "./graph";
import type { GridPlan } from "./plan";
import { type GridRecords, openRecords } from "./records";
import { type GridOutcome, type GridProgress, openSchedule, type Schedule } from "./schedule";
import { GridSession, type GridWorld, isStored, type Located, openWorld } from "./session";

export interface RunGridOptions {
  readonly world?: GridWorld;
  readonly control?: Control;
  readonly onProgress?: (event: GridProgress) => void;
}

const POLL_MS = 500;
/** Between two tries of a stage whose owner cannot be asked (another machine, a lock being written). */
const PATIENT_MS = 10_000;

/**
 * Computes what a plan lacks, stage after stage, task after task. Several processes may work on one grid: a stage that another one
 * holds is put aside and another taken instead; a killed owner's stage is taken over and goes on from its checkpoint. A stage that
 * fails costs those that need it, nothing else.
 *
 * @throws InterruptedError on abort; calling it again goes on. EnvironmentError when the folder is full or cannot be written to,
 * for then no stage can be computed.
 * @example const { failures } = await runGrid(await planGrid({ profile: "quick" }), { control })
 */
export async function runGrid(plan: GridPlan, options: RunGridOptions = {}): Promise<GridOutcome> {
  const { world = openWorld(plan.settings), control = {}, onProgress } = options;
  const schedule = openSchedule(plan.stages);
  let current: GridStage | null = null;
  const tell = (inner: ProgressEvent | null): void => onProgress?.({ ...schedule.counts(), stage: current, inner });
  const watched: Control = {
    ...control,
    onWarn: onceEach(control.onWarn),
    onProgress: (event) => {
      control.onProgress?.(event);
      tell(event);
    },
  };
  const nodes = new Map(gridGraph(plan.settings).nodes.map((node) => [node.stage.id, node]));
  const session = await GridSession.open(plan.settings, {
    world,
    control: watched,
    how: "work",
    known: locatedIn(plan),
  });
  const work = { session, schedule, records: openRecords(plan, control) };
  try {
    for (;;) {
      assertNotInterrupted("runGrid", control.signal);
      current = schedule.next();
      tell(null);
      if (current !== null) await advance(nodes.get(current.id)!, work);
      else if (schedule.counts().held === 0) return schedule.outcome();
      else
        await sleep(POLL_MS, undefined, { ...(control.signal && { signal: control.signal }) }).catch(() => undefined);
    }
  } finally {
    session.dispose();
  }
}

function locatedIn({ settings, stages }: GridPlan): Map<string, Located> {
  const known = stages.filter((stage) => stage.key !== null);
  const located = (kind: string, key: string): Located => {
    return { place: artifactPlace(settings.artifactsDir, kind, key), config: null };
  };
  return new Map(known.map(({ id, kind, key }) => [id, located(kind, key!)]));
}

/** What a stage has to say of itself is said whenever it is opened; here each thing once. */
function onceEach(onWarn: Control["onWarn"]): Control["onWarn"] {
  const said = new Set<string>();
  return (code, message, details) => {
    if (said.has(message)) return;
    said.add(message);
    onWarn?.(code, message, details);
  };
}

interface Work {
  readonly session: GridSession;
  readonly schedule: Schedule;
  readonly records: GridRecords;
}

/** Finds the stage, computes it, or puts it aside. */
async function advance(node: GridNode, { session, schedule, records }: Work): Promise<void> {
  const { stage } = node;
  const note = async (key: string): Promise<void> => records.there(stage, key, await session.answersBehind(node));
  try {
    const located = await session.locate(node);
    if (located !== null && (await isStored(located.place, "use"))) {
      await note(located.place.key);
      return schedule.found(stage);
    }
    if (located !== null && (await isAtWork(located.place))) return schedule.putAside(stage, POLL_MS);
    schedule.begin(stage);
    const { origin, key, manifest } = await session.compute(node);
    if (origin === "computed") await records.computed(stage, key, manifest.seconds);
    await note(key);
    schedule[origin](stage);
  } catch (error) {
    if (isStageHeld(error)) return schedule.putAside(stage, PATIENT_MS);
    if (isKernelError(error, "interrupted")) throw error;
    if (stopsEverything(error)) {
      const { message, details } = error;
      throw new EnvironmentError(`runGrid: ${stage.kind} of ${stage.task}: ${message}`, details, error);
    }
    schedule.failed(stage, error);
    await records.failed(stage, error instanceof Error ? error.message : String(error));
  }
}

/** Whether a living process of this machine holds the lock: known without a try, so that nothing is opened in vain. */
async function isAtWork(place: ArtifactPlace): Promise<boolean> {
  const holder = await lockHolder(lockFileOf(place.folder));
  return holder?.life === "alive" && holder.pid !== process.pid;
}

/** A folder that takes no file fails every stage alike. */
function stopsEverything(error: unknown): error is EnvironmentError {
  return isKernelError(error, "environment") && "fault" in error.details;
}
