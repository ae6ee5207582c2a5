import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isKernelError } from "../../base/errors";
import { type ArtifactFacts, canonicalJson } from "../../store/artifact";
import { readManifest } from "../../store/folder";
import type { ProfileName, StagePlace } from "../run";
import { type GridStage, STAGE_KINDS, type StageKind } from "./stages";

/** How long a stage will take, and where that comes from: runs of this machine's artifacts folder, or the stored table. */
export interface Estimate {
  readonly seconds: number | null;
  readonly from: "runs" | "table" | "unknown";
}

const SMALL: Readonly<Record<StageKind, number>> = {
  leaks: 2,
  index: 10,
  reader: 25,
  "candidate-scores": 40,
  "retriever-head": 5,
  predictions: 9,
  results: 3,
};

/**
 * Seconds by stage of an average task, from processor times on two shared cores: a first guess, until there are runs to go by.
 * Nobody has measured profile "paper", which needs real models.
 */
const TABLE: Readonly<Record<ProfileName, Readonly<Record<StageKind, number>> | null>> = {
  quick: SMALL,
  full: SMALL,
  paper: null,
  test: { leaks: 1, index: 10, reader: 2, "candidate-scores": 5, "retriever-head": 2, predictions: 3, results: 1 },
};

/** Reads the manifests of an artifacts folder once; the answer estimates a stage from the runs most like it. */
export async function openEstimates(
  artifactsDir: string,
  profile: ProfileName,
): Promise<(stage: GridStage, place: StagePlace | null) => Estimate> {
  const bySameWork = new Map<string, number[]>();
  const byProfile = new Map<string, number[]>();
  for (const kind of STAGE_KINDS) {
    for (const manifest of await manifestsOf(join(artifactsDir, kind), kind)) {
      if (manifest.resumed === "resumed") continue; // its seconds are those of the last process only
      add(bySameWork, workOf(kind, manifest.config), manifest.seconds);
      if (manifest.profile === profile) add(byProfile, kind, manifest.seconds);
    }
  }
  return ({ kind }, place) => {
    const found = (place && bySameWork.get(workOf(kind, place.config))) ?? byProfile.get(kind);
    if (found !== undefined) return { seconds: median(found), from: "runs" };
    const seconds = TABLE[profile]?.[kind] ?? null;
    return { seconds, from: seconds === null ? "unknown" : "table" };
  };
}

/** Stages of the same work: the same options, whatever the data. */
function workOf(kind: StageKind, config: ArtifactFacts["config"]): string {
  return `${kind} ${canonicalJson(config)}`;
}

function add(all: Map<string, number[]>, key: string, seconds: number): void {
  all.set(key, [...(all.get(key) ?? []), seconds]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

async function manifestsOf(folder: string, stage: StageKind): Promise<ArtifactFacts[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
  const keys = names.filter((name) => /^[0-9a-f]{32}$/.test(name));
  const read = (key: string) =>
    readManifest<ArtifactFacts>(join(folder, key), { stage, key }).catch((error: unknown) => {
      if (isKernelError(error, "data")) return null; // damaged: it will be computed again
      throw error;
    });
  return (await Promise.all(keys.map(read))).filter((manifest) => manifest !== null);
}
