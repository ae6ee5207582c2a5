import { isKernelError } from "../../base/errors";
import type { Control } from "../../base/types";
import { type Artifact, artifactPlace, findArtifact } from "../../store/artifact";
import { openRun, type Run, type StagePlace } from "../run";
import type { GridSettings } from "./options";
import { type GridParts, joinAnswers, openParts } from "./parts";
import type { GridStage } from "./stages";
import { askPlace, callVerb } from "./verbs";
import type { GridWorld } from "./world";

/** Looks for stages, and computes one. */
export interface GridSession {
  /**
   * Where the stage's result lies or will lie. Null while that is not known: what leaks into a corpus decides an index's key, all
   * predictions decide that of their results, and data and models must be there.
   */
  placeOf(stage: GridStage): Promise<StagePlace | null>;
  /** Whether its result is there, complete and undamaged. "use" counts as a use for `npm run artifacts -- prune`. */
  isThere(place: StagePlace, how: "look" | "use"): Promise<boolean>;
  /**
   * Computes it, with what it reads opened first; throws where another process holds it (isStageHeld).
   *
   * @returns the result, or null when another process had just made it.
   */
  compute(stage: GridStage): Promise<Artifact | null>;
  /** Keys of the predictions that results are made from; none of another stage. */
  answersOf(stage: GridStage): Promise<string[]>;
  dispose(): void;
}

export interface SessionOptions {
  readonly world: GridWorld;
  readonly control: Control;
  /** "look": nothing is drawn, and what would have to be is not known. */
  readonly how: "look" | "work";
  /** Places that a plan has found, by stage id: no data is opened to find them again. */
  readonly places?: ReadonlyMap<string, StagePlace>;
}

/** Opens a session over the stages of a grid. */
export async function openSession(
  settings: GridSettings,
  stages: readonly GridStage[],
  { world, control, how, places }: SessionOptions,
): Promise<GridSession> {
  const { profile, source, artifactsDir, dataDir } = settings;
  const base = await openRun({ profile, source, artifactsDir, dataDir, control });
  const parts = openParts(world, control);
  const byId = new Map(stages.map((stage) => [stage.id, stage]));
  const known = new Map<string, StagePlace>(places);
  const runOf = ({ seed }: GridStage): Run => ({ ...base, seed: seed ?? base.seed, whenHeld: "skip" });
  const placeOf = async (stage: GridStage): Promise<StagePlace | null> => {
    const before = known.get(stage.id);
    if (before !== undefined) return before;
    for (const id of stage.needs) if ((await placeOf(byId.get(id)!)) === null) return null;
    if (how === "look" && !world.isDrawn(stage.task)) return null;
    const place = await ask(runOf(stage), stage, { parts, world, needs: stage.needs.map((id) => known.get(id)!) });
    if (place !== null && stage.kind !== "results") known.set(stage.id, place);
    return place;
  };
  const placesFor = ({ needs }: GridStage) => needs.map((id) => known.get(id));
  const answersOf = async (stage: GridStage): Promise<string[]> =>
    stage.kind === "results" ? (await answered(placesFor(stage))).map(({ key }) => key) : [];
  const compute = async (stage: GridStage): Promise<Artifact | null> => {
    let made: Artifact | null = null;
    const onComputed = (artifact: Artifact): void => {
      if (artifact.stage === stage.kind) made = artifact;
    };
    const run = { ...runOf(stage), onComputed };
    const opened = await parts.partsOf(run, stage);
    if (stage.kind === "results") {
      const answers = joinAnswers(await answered(placesFor(stage)));
      await callVerb(run, stage, { ...opened, answers }, world);
    } else await callVerb(run, stage, opened, world);
    return made;
  };
  return { placeOf, isThere, compute, answersOf, dispose: parts.dispose };
}

interface Asking {
  readonly parts: GridParts;
  readonly world: GridWorld;
  readonly needs: readonly StagePlace[];
}

async function ask(run: Run, stage: GridStage, { parts, world, needs }: Asking): Promise<StagePlace | null> {
  const found = async () => {
    const task = await parts.task(stage.task);
    if (stage.kind === "results") {
      const places = await answered(needs);
      return places.length < needs.length ? null : { task, answers: joinAnswers(places) };
    }
    if (stage.kind !== "leaks" && stage.kind !== "index") return { task };
    if (stage.kind === "index" && !(await thereIn(needs[0]!))) return null; // its key depends on what leaks are found
    return { task, corpus: await parts.corpusFor(stage.task) };
  };
  try {
    const opened = await found();
    if (opened === null) return null;
    const places = new Map(stage.needs.map((id, i) => [id, needs[i]!]));
    return await askPlace(run, stage, opened, { world, placeOf: (id) => places.get(id)! });
  } catch (error) {
    if (isKernelError(error, "data")) return null; // a task or corpus that cannot be read: computing it will say so
    throw error;
  }
}

/** Those predictions that are there: of a grid with failures, the others are evaluated. */
async function answered(places: readonly (StagePlace | undefined)[]): Promise<StagePlace[]> {
  const there = await Promise.all(places.map((place) => place !== undefined && thereIn(place)));
  return places.filter((place, i): place is StagePlace => place !== undefined && there[i] === true);
}

/** The place of a stage by its key. */
export function placeIn(artifactsDir: string, stage: string, key: string): StagePlace {
  return { ...artifactPlace(artifactsDir, stage, key), config: {} };
}

/** Whether a result is there, complete and undamaged. */
export async function thereIn(place: StagePlace): Promise<boolean> {
  return isThere(place, "look");
}

/** A file where a folder should be holds nothing; the stage that has to write there will say so. */
function noFolder(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOTDIR") return null;
  throw error;
}

async function isThere(place: StagePlace, how: "look" | "use"): Promise<boolean> {
  return (await findArtifact(place, how).catch(noFolder)) !== null;
}
