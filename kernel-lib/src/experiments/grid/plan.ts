import { join } from "node:path";
import { isKernelError } from "../../base/errors";
import type { Control } from "../../base/types";
import { type ArtifactFacts, canonicalJson } from "../../store/artifact";
import { namesIn } from "../../store/files";
import { readManifest } from "../../store/folder";
import type { ProfileName } from "../run";
import { type GridCell, type GridStage, gridGraph, type LeftOut } from "./graph";
import { type GridOptions, type GridSettings, resolveGrid } from "./options";
import { GridSession, type GridWorld, isStored, type Located, openWorld } from "./session";

/** A stage with what is known of it before anything is computed. */
export interface PlannedStage extends GridStage {
  /** Name of its artifact; null where it is not known yet (see GridSession.locate). */
  readonly key: string | null;
  readonly state: "there" | "missing";
  /** How long it takes, or took; null where nobody has measured it. */
  readonly seconds: number | null;
  readonly estimate: Estimate["from"];
}

/** A grid of experiments as plain data. */
export interface GridPlan {
  readonly settings: GridSettings;
  readonly cells: readonly GridCell[];
  readonly leftOut: readonly LeftOut[];
  readonly stages: readonly PlannedStage[];
}

/** Beside the options: what is replaced in tests, and how to stop. */
interface PlanContext {
  readonly world?: GridWorld;
  readonly control?: Control;
}

/**
 * Plans a grid: which system on which task with which reader and seed, the stages all of them need, each once, what of it is there
 * and how long the rest should take. Reads what is there; draws, computes and writes nothing.
 *
 * @throws ConfigError on an unknown option or name.
 * @example const plan = await planGrid({ profile: "quick", tasks: ["breast-mnist"] })
 */
export async function planGrid(options: GridOptions = {}, context: PlanContext = {}): Promise<GridPlan> {
  const settings = resolveGrid(options);
  const { cells, leftOut, nodes } = gridGraph(settings);
  const { world = openWorld(settings), control = {} } = context;
  const session = await GridSession.open(settings, { world, control: quietly(control), how: "look" });
  const estimateOf = await openEstimates(settings, new Set(nodes.map(({ stage }) => stage.kind)));
  try {
    const stages: PlannedStage[] = [];
    for (const node of nodes) {
      const located = await session.locate(node);
      const state = located !== null && (await isStored(located.place, "look")) ? "there" : "missing";
      const { seconds, from } = estimateOf(node.stage.kind, located);
      stages.push({ ...node.stage, key: located?.place.key ?? null, state, seconds, estimate: from });
    }
    return { settings, cells, leftOut, stages };
  } finally {
    session.dispose();
  }
}

/** Only the signal: what there is to warn of is said by the run. */
function quietly({ signal }: Control): Control {
  return signal === undefined ? {} : { signal };
}

/** How long a stage will take, and where that comes from: runs of this machine's artifacts folder, or the stored table. */
interface Estimate {
  readonly seconds: number | null;
  readonly from: "runs" | "table" | "unknown";
}

const SMALL: Readonly<Record<string, number>> = {
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
const TABLE: Readonly<Record<ProfileName, Readonly<Record<string, number>> | null>> = {
  quick: SMALL,
  full: SMALL,
  paper: null,
  test: { leaks: 1, index: 10, reader: 2, "candidate-scores": 5, "retriever-head": 2, predictions: 3, results: 1 },
};

/**
 * Reads the manifests of an artifacts folder once; the answer estimates a stage from the runs most like it: of the same options,
 * else of the same profile.
 */
async function openEstimates(
  { artifactsDir, profile }: Pick<GridSettings, "artifactsDir" | "profile">,
  kinds: Iterable<string>,
): Promise<(kind: string, located: Located | null) => Estimate> {
  const bySameWork = new Map<string, number[]>();
  const byProfile = new Map<string, number[]>();
  for (const kind of kinds) {
    for (const manifest of await manifestsOf(join(artifactsDir, kind), kind)) {
      if (manifest.resumed === "resumed") continue; // its seconds are those of the last process only
      add(bySameWork, workOf(kind, manifest.config), manifest.seconds);
      if (manifest.profile === profile) add(byProfile, kind, manifest.seconds);
    }
  }
  return (kind, located) => {
    const alike = located?.config ? bySameWork.get(workOf(kind, located.config)) : undefined;
    const found = alike ?? byProfile.get(kind);
    if (found !== undefined) return { seconds: median(found), from: "runs" };
    const seconds = TABLE[profile]?.[kind] ?? null;
    return { seconds, from: seconds === null ? "unknown" : "table" };
  };
}

/** Stages of the same work: the same options, whatever the data. */
function workOf(kind: string, config: object): string {
  return `${kind} ${canonicalJson(config)}`;
}

function add(all: Map<string, number[]>, key: string, seconds: number): void {
  all.set(key, [...(all.get(key) ?? []), seconds]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

async function manifestsOf(folder: string, stage: string): Promise<ArtifactFacts[]> {
  const keys = (await namesIn(folder)).filter((name) => /^[0-9a-f]{32}$/.test(name));
  const read = (key: string) =>
    readManifest<ArtifactFacts>(join(folder, key), { stage, key }).catch((error: unknown) => {
      if (isKernelError(error, "data")) return null; // damaged: it will be computed again
      throw error;
    });
  return (await Promise.all(keys.map(read))).filter((manifest) => manifest !== null);
}
