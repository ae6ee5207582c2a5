import { join } from "node:path";
import { ConfigError, isKernelError } from "../../base/errors";
import {
  type Control,
  type Corpus,
  type Head,
  type Matrix,
  type Passage,
  SPLITS,
  type Split,
  type Task,
} from "../../base/types";
import { readMatrices, writeMatrices } from "../../compute/safetensors";
import { type Leak, withoutLeaks } from "../../data/leaks/find-leaks";
import { loadDualEncoder } from "../../models/architectures";
import { encodeImages } from "../../models/dual-encoder/encoder";
import { type CorpusViews, HEADS } from "../../retriever/retrieve";
import {
  chooseIndex,
  exactInsteadOf,
  findEngine,
  type IndexChoice,
  loadSavedIndex,
  type OpenIndexOptions,
  openIndex,
} from "../../search/engines";
import { createFlatIndex } from "../../search/flat-index";
import type { HnswIndex } from "../../search/hnsw-index";
import { type Hits, meanRecall, rowsOf, searchTimed, type VectorIndex } from "../../search/vector-index";
import { readJson, writeJson } from "../../store/files";
import { frozenCandidates } from "../../training/over-index";
import { type CheckpointFolder, checkpointFor } from "../checkpoint-folder";
import { SHARED_SEED } from "../open-task";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { checkLeaks, embedCorpus } from "./corpus";
import { type Artifact, opened, type StageContext, type StageOf, useStage } from "./stage";

export interface BuildIndexOptions {
  readonly task: Task;
  readonly corpus: Corpus;
  /** Folder of the frozen encoder, a CLIP or a Jina-CLIP, or its name on the hub, once fetched. Default data/checkpoints/clip. */
  readonly encoderFolder?: string;
}

/** The corpus as the frozen retriever sees it, and the task's queries beside it. */
export interface Index {
  readonly task: Task;
  /** Without the passages that `leaks` names. */
  readonly corpus: Corpus;
  /** Passages that share a picture or a patient with a validation or test example; the artifact's manifest lists them too. */
  readonly leaks: readonly Leak[];
  readonly encoder: CheckpointFolder;
  /** Frozen embeddings of the passages: by picture and by text, [N, D]. */
  readonly embeddings: Readonly<Record<Head, Matrix>>;
  /** Frozen embeddings of the query images, [n, D]. */
  readonly queries: Readonly<Record<Split, Matrix>>;
  /** What the systems search: exact or HNSW, as `choice` says. */
  readonly views: CorpusViews;
  /** By the corpus' size, unless the profile insists. */
  readonly choice: IndexChoice;
  /** Exact search, the judge, and what candidates for training are found with. */
  readonly exact: CorpusViews;
  readonly artifact: Artifact;
  /** Frees the indexes. */
  dispose(): void;
}

const MATRICES = ["image", "text", ...SPLITS] as const;
const INDEX_FILE = "index.json";
type StoredIndex = Pick<Index, "choice">;
const EMBEDDINGS_FILE = "embeddings.safetensors";
const VERSION = 4;

/**
 * Embeds every passage twice (picture and text) and every query image once with the frozen encoder. Whether the systems search exactly or a
 * graph goes by the corpus' size; graphs, one per view, are built where they are searched. Found again when nothing changed.
 * The run's seed plays no part: every run of a task shares its index.
 * Passages that share a picture or a patient with a validation or test example are left out first, and said aloud ("leak").
 *
 * Paper: arXiv 2508.17394v3, retriever: corpus side frozen, so that this is done once.
 *
 * @throws DataError when the encoder's checkpoint is missing. InterruptedError on abort.
 * @example const index = await buildIndex(run, { task, corpus })
 */
export async function buildIndex(run: Run, { task, corpus, encoderFolder }: BuildIndexOptions): Promise<Index> {
  const leaks = await checkLeaks(run, corpus, task);
  const encoder = await checkpointFor(run, "clip", encoderFolder);
  return useStage(run, indexStage(run, { task, corpus, leaks, encoder }));
}

/** What an index is made of. */
interface IndexInputs {
  readonly task: Task;
  /** The whole of it. */
  readonly corpus: Corpus;
  /** What `checkLeaks` found: left out, and part of the key. */
  readonly leaks: readonly Leak[];
  readonly encoder: CheckpointFolder;
}

/** The stage of `buildIndex`. */
export function indexStage(run: Run, { task, corpus: whole, leaks, encoder }: IndexInputs): StageOf<Index> {
  const corpus = withoutLeaks(whole, leaks, run.control);
  const leftOut = leaks.length === 0 ? {} : { leftOut: leaks };
  return {
    name: "index",
    version: VERSION,
    config: { ...profileOf(run.profile).index, ...leftOut },
    inputs: [task.fingerprint, corpus.fingerprint, encoder.fingerprint],
    seed: SHARED_SEED,
    compute: (workDir, context) => computeIndex(run, { task, whole, corpus, encoder }, { workDir, context }),
    open: (artifact) => loadIndex(run, { task, corpus, leaks, encoder, artifact }),
  };
}

interface IndexParts {
  readonly task: Task;
  readonly corpus: Corpus;
  readonly encoder: CheckpointFolder;
}

async function computeIndex(
  run: Run,
  parts: IndexParts & { readonly whole: Corpus },
  { workDir, context }: { readonly workDir: string; readonly context: StageContext },
): Promise<void> {
  const { control, seed } = context;
  const matrices = {
    ...(await embedCorpus(run, parts.whole, parts.corpus, parts.encoder)),
    ...(await embedQueries(parts, control)),
  };
  writeMatrices(join(workDir, EMBEDDINGS_FILE), matrices);
  const { m, efConstruction, ef, prefer, exactUpTo } = profileOf(run.profile).index;
  const ids = parts.corpus.passages.map((passage) => passage.id);
  const planned = chooseIndex(matrices.image, { prefer, exactUpTo });
  let choice: IndexChoice = planned;
  for (const head of HEADS) {
    if (choice.kind === "flat") break;
    const settings = { m, efConstruction, ef, seed, control, prefer: planned.kind };
    const { index, choice: found } = await openIndex(ids, matrices[head], settings);
    if (index.kind === "flat") choice = found;
    else await index.save(join(workDir, head));
    index.dispose();
  }
  writeJson(workDir, INDEX_FILE, { choice } satisfies StoredIndex);
}

async function embedQueries({ task, encoder }: IndexParts, control: Control): Promise<Record<Split, Matrix>> {
  const model = loadDualEncoder(encoder.folder);
  try {
    const embed = (split: Split) => {
      const images = task.splits[split].map((example) => example.image);
      return encodeImages(model, images, control);
    };
    return { train: await embed("train"), validation: await embed("validation"), test: await embed("test") };
  } finally {
    model.dispose();
  }
}

async function loadIndex(run: Run, parts: IndexParts & Pick<Index, "leaks" | "artifact">): Promise<Index> {
  const { corpus, artifact } = parts;
  const { image, text, ...queries } = readMatrices(join(artifact.folder, EMBEDDINGS_FILE), MATRICES);
  const stored = readJson<StoredIndex>(artifact.folder, INDEX_FILE);
  const ids = corpus.passages.map((passage) => passage.id);
  const exact = { image: createFlatIndex(ids, image), text: createFlatIndex(ids, text) };
  const { kind } = stored.choice;
  const views = kind === "flat" ? exact : await loadViews(run, kind, artifact.folder);
  const dispose = (): void => {
    for (const head of HEADS) {
      views?.[head].dispose();
      exact[head].dispose();
    }
  };
  const choice = views === null ? exactInsteadOf(findEngine("buildIndex", kind)) : stored.choice;
  return {
    ...parts,
    embeddings: { image, text },
    queries,
    views: views ?? exact,
    choice,
    exact,
    dispose,
  };
}

/** The saved indexes of both views, or null, said aloud, where their engine cannot work. */
async function loadViews(run: Run, kind: string, folder: string): Promise<CorpusViews | null> {
  try {
    const load = (head: Head) => loadSavedIndex(kind, join(folder, head));
    return { image: await load("image"), text: await load("text") };
  } catch (error) {
    if (!isKernelError(error, "environment")) throw error;
    run.control.onWarn?.("exact-index", `buildIndex: searching exactly instead. ${error.message}`, error.details);
    return null;
  }
}

/** The frozen retriever's best passages of both heads for each query of a split, each passage once. */
export async function frozenPassages(index: Index, split: Split, numPerHead: number): Promise<Passage[][]> {
  const byHead = await Promise.all(HEADS.map((head) => frozenCandidates(index, split, head, numPerHead)));
  return index.task.splits[split].map((_, query) => {
    const rows = new Set(byHead.flatMap((lists) => lists[query]!));
    return [...rows].map((row) => index.corpus.passages[row]!);
  });
}

/** Throws ConfigError unless the index was built for this task. */
export function requireIndexOf(where: string, task: Task, index: Index | undefined): asserts index is Index {
  if (index?.task.fingerprint === task.fingerprint) return;
  const got = index === undefined ? "none" : `one for ${index.task.name} (${index.task.fingerprint})`;
  throw new ConfigError(
    `${where}: index must be built for ${task.name}; got ${got}. Call buildIndex(run, { task, corpus }) first.`,
    { task: task.fingerprint },
  );
}

// ---- how much a graph misses ----------------------------------------------------------------------------------------------

/** One index at one search width: a row of the recall table. */
export interface RecallMeasurement {
  /** e.g. "hnsw, text view". */
  readonly index: string;
  /** Which view of the corpus. */
  readonly head: Head;
  /** Search width; null for exact search. */
  readonly ef: number | null;
  readonly k: number;
  readonly recall: number;
  readonly queriesPerSecond: number;
}

/**
 * Recall and speed of one view's index at every search width of the profile, and the speed of exact search. Widths are searched in turns, a part of
 * the queries at a time, and the fastest part counts: what else the machine does then slows no width alone.
 */
async function measureRecallTable(
  run: Run,
  options: { readonly head: Head; readonly index: VectorIndex; readonly exact: VectorIndex; readonly queries: Matrix },
): Promise<RecallMeasurement[]> {
  const { head, index, exact, queries } = options;
  const { measuredEf, recallAt, ef } = profileOf(run.profile).index;
  const k = Math.min(recallAt, exact.size);
  for (const each of [exact, index]) await each.search(rowsAt(queries, 0, WARM_UP), k); // the first search of a process is slower: not one of those compared
  const widths = index.kind === "flat" ? [] : isHnsw(index) ? measuredEf : [null];
  const row = (searched: VectorIndex, name: string, width: number | null) => ({
    ...{ searched, name: `${name}, ${head} view`, width },
    ...{ found: [] as Hits[], perSecond: 0 },
  });
  const rows = [...widths.map((width) => row(index, index.kind, width)), row(exact, "exact", null)];
  const partSize = Math.max(1, Math.ceil(queries.rows / TURNS));
  for (let from = 0; from < queries.rows; from += partSize) {
    const part = rowsAt(queries, from, partSize);
    for (const each of rows) {
      if (isHnsw(each.searched) && each.width !== null) each.searched.setEf(each.width);
      const { hits, perSecond } = await searchTimed(each.searched, part, k);
      each.found.push(...hits);
      each.perSecond = Math.max(each.perSecond, perSecond);
    }
  }
  if (isHnsw(index)) index.setEf(ef);
  const truth = rows.at(-1)!.found;
  return rows.map(({ name, width, found, perSecond }) => {
    const recall = meanRecall(found, truth);
    return { index: name, head, ef: width, k, recall, queriesPerSecond: perSecond };
  });
}

const WARM_UP = 256;
const TURNS = 3;

/** So many rows of a matrix, or what is left of them. */
function rowsAt(matrix: Matrix, from: number, count: number): Matrix {
  const to = Math.min(from + count, matrix.rows);
  return { data: rowsOf(matrix, from, to), rows: to - from, cols: matrix.cols };
}

function isHnsw(index: VectorIndex): index is HnswIndex {
  return index.kind === "hnsw";
}

const RECALL_FILE = "recall.json";
const RECALL_VERSION = 1;

/**
 * Recall and speed of a graph of each view beside exact search, at every search width of the profile, whichever of the two the systems search.
 * Found again when nothing changed.
 *
 * @throws InterruptedError on abort.
 * @example (await measureIndexRecall(run, index)).map(({ ef, recall }) => `${ef}: ${recall}`)
 */
export function measureIndexRecall(run: Run, index: Index): Promise<readonly RecallMeasurement[]> {
  const { m, efConstruction, ef, measuredEf, recallAt } = profileOf(run.profile).index;
  return useStage<readonly RecallMeasurement[]>(run, {
    name: "recall",
    version: RECALL_VERSION,
    config: { m, efConstruction, ef, measuredEf, recallAt },
    inputs: [opened(index)],
    seed: SHARED_SEED,
    compute: async (workDir, { control, seed }) => {
      const settings = { m, efConstruction, ef, seed, control };
      const rows: RecallMeasurement[] = [];
      for (const head of HEADS) rows.push(...(await measureView(run, index, { head, settings })));
      writeJson(workDir, RECALL_FILE, rows);
    },
    open: async (artifact) => readJson<RecallMeasurement[]>(artifact.folder, RECALL_FILE),
  });
}

/** The graph that is searched, or where search is exact one that is built for this. */
async function measureView(
  run: Run,
  { corpus, embeddings, queries, choice, views, exact }: Index,
  { head, settings }: { readonly head: Head; readonly settings: Omit<OpenIndexOptions, "prefer"> },
): Promise<RecallMeasurement[]> {
  const measured = { head, exact: exact[head], queries: queries.train };
  if (choice.kind !== "flat") return measureRecallTable(run, { ...measured, index: views[head] });
  const ids = corpus.passages.map((passage) => passage.id);
  const { index } = await openIndex(ids, embeddings[head], { ...settings, prefer: "hnsw" });
  try {
    return await measureRecallTable(run, { ...measured, index });
  } finally {
    index.dispose();
  }
}
