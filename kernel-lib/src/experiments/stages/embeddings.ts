import { join } from "node:path";
import type { Control, Corpus, Head, Matrix, Passage } from "../../base/types";
import { loadDualEncoder } from "../../models/architectures";
import { type DualEncoder, encodeImages, encodeTexts } from "../../models/dual-encoder";
import { HEADS } from "../../retriever/retrieve";
import type { CheckpointFolder } from "../checkpoint-folder";
import type { Run } from "../run";
import { runStage } from "./stage";
import { readMatrices, writeMatrices } from "./stage-files";

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
export async function embedPassages(
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

const FILE = "embeddings.safetensors";
const VERSION = 1;

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
  clip: CheckpointFolder,
): Promise<Record<Head, Matrix>> {
  // another task's index may be making them: seconds, worth waiting for within this stage
  const artifact = await runStage(
    { ...run, whenHeld: "wait" },
    {
      name: "corpus-embeddings",
      version: VERSION,
      config: {},
      inputs: [whole.fingerprint, clip.fingerprint],
      compute: async (workDir, { control }) => {
        const model = loadDualEncoder(clip.folder);
        try {
          writeMatrices(join(workDir, FILE), await embedPassages(model, whole.passages, control));
        } finally {
          model.dispose();
        }
      },
    },
  );
  const matrices = readMatrices(join(artifact.folder, FILE), HEADS);
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
