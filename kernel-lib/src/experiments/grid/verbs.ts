import { isKernelError } from "../../base/errors";
import type { Corpus, Head, Task } from "../../base/types";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import type { Artifact } from "../../store/artifact";
import { type Profile, profileOf } from "../profiles";
import type { Run, StagePlace } from "../run";
import { checkLeaks } from "../stages/corpus";
import { buildIndex, type Index } from "../stages/corpus-index";
import { type Predictions, predict } from "../stages/predictions";
import { type ReaderMode, type TunedReader, tuneReader } from "../stages/reader";
import { evaluate } from "../stages/results";
import { type TunedHeads, tuneRetriever } from "../stages/retriever";
import { LEARNED_HEADS } from "../with-system";
import { stageOptions } from "./changes";
import { type GridStage, gridSystem } from "./stages";
import type { GridWorld } from "./world";

/** What a stage's verb works on. For learning a key they are stand-ins that hold artifacts only. */
export interface StageParts {
  readonly task: Task;
  readonly corpus?: Corpus;
  readonly index?: Index;
  readonly reader?: TunedReader;
  readonly heads?: TunedHeads;
  /** Of results. */
  readonly answers?: Predictions;
}

/** Calls the verb of a stage: the same call whether it computes, finds, or is only asked for the key. */
export async function callVerb(run: Run, stage: GridStage, parts: StageParts, world: GridWorld): Promise<unknown> {
  const { task, corpus } = parts;
  switch (stage.kind) {
    case "leaks":
      return checkLeaks(run, corpus!, task);
    case "index":
      return buildIndex(run, { task, corpus: corpus!, clipFolder: world.clipFolder });
    case "reader":
      return tuneReaderOf(run, stage, stage.mode!, parts, world);
    case "candidate-scores":
      return tuneHeadsOf(run, stage, [], parts);
    case "retriever-head":
      return tuneHeadsOf(run, stage, [stage.head!], parts);
    case "predictions":
      return predict(run, predictOptions(stage, parts));
    case "results":
      return evaluate(run, { task, predictions: parts.answers! });
  }
}

/** The reader of a stage's task, backbone and seed, with the profile's options for it. */
export function tuneReaderOf(
  run: Run,
  stage: GridStage,
  mode: ReaderMode,
  { task, index }: Pick<StageParts, "task" | "index">,
  world: GridWorld,
): Promise<TunedReader> {
  const { changes } = stageOptions(profileOf(run.profile), stage, task);
  const shared = { task, mode, readerFolder: world.readerFolder(stage.backbone!) };
  return mode === "retrieval"
    ? tuneReader(run, { ...shared, index: index!, options: changes.reader })
    : tuneReader(run, { ...shared, options: changes.closedBook });
}

/** Heads of a stage's variant, with the profile's options for it; of none, only the candidates are scored. */
export function tuneHeadsOf(
  run: Run,
  stage: GridStage,
  heads: readonly Head[],
  { task, index, reader }: Pick<StageParts, "task" | "index" | "reader">,
): Promise<TunedHeads> {
  const { changes } = stageOptions(profileOf(run.profile), stage, task);
  return tuneRetriever(run, { task, index: index!, reader: reader!, heads, options: changes.retriever });
}

function predictOptions(stage: GridStage, { task, index, reader, heads }: StageParts) {
  const { system, label, fusion, candidates } = gridSystem(stage.system!);
  const base = { system, task, reader: reader!, name: label };
  if (system === "closed-book") return base;
  return {
    ...base,
    index: index!,
    ...(heads === undefined ? {} : { heads }),
    ...(fusion === undefined ? {} : { fusion }),
    ...(candidates === undefined ? {} : { candidates }),
  };
}

/** Trained heads that hold artifacts only, as `predict` reads them before it computes. */
export function standInHeads(
  profile: Profile,
  stage: GridStage,
  task: Task,
  artifacts: Readonly<Partial<Record<Head, Artifact>>>,
): TunedHeads {
  const { learnedWeight = PAPER_LEARNED_WEIGHT } = stageOptions(profile, stage, task).retriever;
  const entries = Object.entries(artifacts).map(([head, artifact]) => [head, { head, artifact }]);
  return { heads: Object.fromEntries(entries), learnedWeight } as unknown as TunedHeads;
}

/** The heads that a stage's system has learned. */
export function headsOf(stage: GridStage): readonly Head[] {
  return stage.system === undefined ? [] : LEARNED_HEADS[gridSystem(stage.system).system];
}

/** What an asked verb is stopped with, as soon as it names the place of its stage. */
class PlaceKnown extends Error {
  constructor(readonly place: StagePlace) {
    super("the place is known");
  }
}

/** An artifact of which only the place counts. */
function standIn({ stage, key, folder }: Omit<StagePlace, "config">): Artifact {
  return { stage, key, folder, origin: "found", manifest: undefined as never };
}

/**
 * Where a stage's result lies or will lie. The verb itself is asked, with stand-ins for what it reads, and stopped before it
 * computes: so the answer is the verb's own, whatever decides its key.
 *
 * @param placeOf the places of the stages it needs.
 * @returns null when a model or file that the key depends on is not there.
 */
export async function askPlace(
  run: Run,
  stage: GridStage,
  parts: StageParts,
  { world, placeOf }: { readonly world: GridWorld; readonly placeOf: (id: string) => StagePlace },
): Promise<StagePlace | null> {
  const asked: Run = {
    ...run,
    onStage: (place) => {
      if (place.stage === stage.kind) throw new PlaceKnown(place);
      return place.stage === "leaks" ? undefined : standIn(place); // what leaks were found decides the index's key
    },
  };
  try {
    await callVerb(asked, stage, { ...parts, ...standInParts(run, stage, parts, placeOf) }, world);
  } catch (error) {
    if (error instanceof PlaceKnown) return error.place;
    if (isKernelError(error, "data")) return null;
    throw error;
  }
  return null;
}

function standInParts(
  run: Run,
  stage: GridStage,
  { task }: StageParts,
  placeOf: (id: string) => StagePlace,
): Partial<StageParts> {
  const found = (kind: string) => stage.needs.filter((id) => id.startsWith(`${kind}.`)).map(placeOf);
  const [index] = found("index");
  const [reader] = found("reader");
  const heads = headsOf(stage);
  const trained = heads.map((head, i): [Head, Artifact] => [head, standIn(found("retriever-head")[i]!)]);
  const mode = index === undefined ? "closedBook" : "retrieval";
  return {
    ...(index === undefined ? {} : { index: { task, artifact: standIn(index) } as unknown as Index }),
    ...(reader === undefined ? {} : { reader: { mode, artifact: standIn(reader) } as unknown as TunedReader }),
    ...(heads.length === 0
      ? {}
      : { heads: standInHeads(profileOf(run.profile), stage, task, Object.fromEntries(trained)) }),
  };
}
