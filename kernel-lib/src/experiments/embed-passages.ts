import type { Control, Head, Matrix, Passage } from "../base/types";
import type { DualEncoder } from "../models/dual-encoder";
import { encodeImages, encodeTexts } from "../models/encode-dual";

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
