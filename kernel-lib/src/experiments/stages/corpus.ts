import { join } from "node:path";
import type { Control, Corpus, Head, Matrix, Passage, Task } from "../../base/types";
import { readMatrices, writeMatrices } from "../../compute/safetensors";
import { findLeaks, type Leak } from "../../data/leaks/find-leaks";
import { loadDualEncoder } from "../../models/architectures";
import { type DualEncoder, encodeImages, encodeTexts } from "../../models/dual-encoder/encoder";
import { HEADS } from "../../retriever/retrieve";
import { readJson, writeJson } from "../../store/files";
import type { CheckpointFolder } from "../checkpoint-folder";
import { SHARED_SEED } from "../open-task";
import type { Run } from "../run";
import { runStage, type StageOf, useStage } from "./stage";

// What is found out about a corpus once, for every run: which passages leak into a task, and its frozen embeddings.

const LEAKS_FILE = "leaks.json";
const LEAKS_VERSION = 2;

/**
 * Phantoms are drawn from streams of their own: a corpus of them holds no copy of an example but an equal one, and the pictures of a
 * look (chest films, fundus photographs) correlate by more than copies of real pictures must. They would be left out as copies.
 */
const NO_LOOK_ALIKES = { minCorrelation: 1 } as const;

/** The stage of `checkLeaks`. */
export function leaksStage(corpus: Corpus, task: Task): StageOf<readonly Leak[]> {
  const settings = corpus.source === "phantom" && task.source === "phantom" ? NO_LOOK_ALIKES : {};
  return {
    name: "leaks",
    version: LEAKS_VERSION,
    config: settings,
    inputs: [task.fingerprint, corpus.fingerprint],
    seed: SHARED_SEED,
    compute: async (workDir, { control }) =>
      writeJson(workDir, LEAKS_FILE, await findLeaks(corpus, task, { ...settings, control })),
    open: async ({ folder }) => readJson<Leak[]>(folder, LEAKS_FILE),
  };
}

/**
 * The passages that share a picture or a patient with a validation or test example. Every passage is compared once; the answer is
 * a stage artifact of its own, so that a large corpus is not read again. Between phantoms only equal pictures and groups count.
 */
export function checkLeaks(run: Run, corpus: Corpus, task: Task): Promise<readonly Leak[]> {
  return useStage(run, leaksStage(corpus, task));
}

/** Passages whose pictures are in memory at once: a multiple of the encoder's batch, so that its batches stay the same. */
const CHUNK = 512;

/** Embeds chunk after chunk into one matrix; progress counts all passages. */
async function inChunks(
  passages: readonly Passage[],
  control: Control,
  encode: (chunk: readonly Passage[], control: Control) => Promise<Matrix>,
): Promise<Matrix> {
  let all: Matrix | null = null;
  for (let start = 0; start < passages.length; start += CHUNK) {
    const onProgress: Control["onProgress"] = ({ stage, done }) =>
      control.onProgress?.({ stage, done: start + done, total: passages.length });
    const part = await encode(passages.slice(start, start + CHUNK), { ...control, onProgress });
    all ??= { data: new Float32Array(passages.length * part.cols), rows: passages.length, cols: part.cols };
    all.data.set(part.data, start * part.cols);
  }
  return all ?? { data: new Float32Array(0), rows: 0, cols: 0 };
}

/**
 * Frozen embeddings of the passages, by picture and by text, [N, D] each. At most 512 pictures are held at a time.
 *
 * @throws InterruptedError when the signal is aborted.
 */
async function embedPassages(
  model: DualEncoder,
  passages: readonly Passage[],
  control: Control,
): Promise<Record<Head, Matrix>> {
  return {
    image: await inChunks(passages, control, (chunk, inner) =>
      encodeImages(
        model,
        chunk.map((passage) => passage.image),
        inner,
      ),
    ),
    text: await inChunks(passages, control, (chunk, inner) =>
      encodeTexts(
        model,
        chunk.map((passage) => passage.text),
        inner,
      ),
    ),
  };
}

const EMBEDDINGS_FILE = "embeddings.safetensors";
const EMBEDDINGS_VERSION = 1;

/**
 * Frozen embeddings of a corpus, by picture and by text, [N, D] each, for those passages that are left in `kept`. The whole corpus is
 * embedded once, as a stage artifact of its own: the indexes of all tasks share it, whatever each of them leaves out.
 *
 * @param whole the corpus as it was loaded. @param kept the same without the passages that leak.
 * @throws InterruptedError when the run's signal is aborted.
 */
export async function embedCorpus(
  run: Run,
  whole: Corpus,
  kept: Corpus,
  encoder: CheckpointFolder,
): Promise<Record<Head, Matrix>> {
  const artifact = await runStage(run, {
    name: "corpus-embeddings",
    version: EMBEDDINGS_VERSION,
    config: {},
    inputs: [whole.fingerprint, encoder.fingerprint],
    seed: SHARED_SEED,
    compute: async (workDir, { control }) => {
      const model = loadDualEncoder(encoder.folder);
      try {
        writeMatrices(join(workDir, EMBEDDINGS_FILE), await embedPassages(model, whole.passages, control));
      } finally {
        model.dispose();
      }
    },
  });
  const matrices = readMatrices(join(artifact.folder, EMBEDDINGS_FILE), HEADS);
  if (kept.passages.length === whole.passages.length) return matrices;
  const ids = new Set(kept.passages.map(({ id }) => id));
  const rows = whole.passages.flatMap(({ id }, row) => (ids.has(id) ? [row] : []));
  return { image: keepRows(matrices.image, rows), text: keepRows(matrices.text, rows) };
}

/** Moves the rows that stay to the front, in place: a large corpus is not held twice. */
function keepRows({ data, cols }: Matrix, rows: readonly number[]): Matrix {
  for (const [place, row] of rows.entries()) data.copyWithin(place * cols, row * cols, (row + 1) * cols);
  return { data: data.subarray(0, rows.length * cols), rows: rows.length, cols };
}
