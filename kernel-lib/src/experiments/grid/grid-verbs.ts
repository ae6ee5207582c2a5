import type { Corpus, Head, Task } from "../../base/types";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import type { Artifact } from "../artifact-store";
import { buildIndex, type Index } from "../build-index";
import { checkLeaks } from "../check-leaks";
import { evaluate } from "../evaluate";
import { predict } from "../predict";
import type { Predictions } from "../prediction-files";
import { type Profile, profileOf } from "../profiles";
import type { Run } from "../run";
import { type ReaderMode, type TunedReader, tuneReader } from "../tune-reader";
import { type TunedHeads, tuneRetriever } from "../tune-retriever";
import { LEARNED_HEADS } from "../with-system";
import { stageOptions } from "./grid-changes";
import type { GridStage } from "./grid-stages";
import { gridSystem } from "./grid-systems";
import type { GridWorld } from "./grid-world";

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
      return evaluate(run, { task, ...parts.answers! });
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
