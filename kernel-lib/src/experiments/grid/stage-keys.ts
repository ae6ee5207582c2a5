import { isKernelError } from "../../base/errors";
import type { Head } from "../../base/types";
import type { Artifact } from "../artifact-store";
import type { Index } from "../build-index";
import { profileOf } from "../profiles";
import type { Run, StagePlace } from "../run";
import type { TunedReader } from "../tune-reader";
import type { GridStage } from "./grid-stages";
import { callVerb, headsOf, type StageParts, standInHeads } from "./grid-verbs";
import type { GridWorld } from "./grid-world";

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
