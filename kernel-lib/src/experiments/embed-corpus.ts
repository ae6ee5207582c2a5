import { join } from "node:path";
import type { Corpus, Head, Matrix } from "../base/types";
import { loadDualEncoder } from "../models/load-dual-encoder";
import { HEADS } from "../retriever/retrieve";
import { readMatrices, writeMatrices } from "./artifact-io";
import type { CheckpointFolder } from "./checkpoint-folder";
import { embedPassages } from "./embed-passages";
import type { Run } from "./run";
import { runStage } from "./stage";

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
