import type { Passage } from "../../../base/types";
import { type CorpusTwinOptions, encodeJpeg, numberOf, twinPassages, writeInto } from "./corpus-twin";

const ROOT = "roco/train/radiology";

/** Writes the stand-in for ROCO into `folder`/roco: captions.txt, licences.txt and images of a training split. */
export async function writeRocoTwin(folder: string, options: CorpusTwinOptions = {}): Promise<void> {
  const idOf = (passage: Passage) => `ROCO_${String(numberOf(passage) + 1).padStart(5, "0")}`;
  const fileOf = (passage: Passage) => `PMC${700_000 + numberOf(passage)}_phantom-g01.jpg`;
  const passages = twinPassages("roco", options);
  for (const passage of passages) {
    await writeInto(folder, `${ROOT}/images/${fileOf(passage)}`, await encodeJpeg(passage.image));
  }
  const captions = passages.map((passage) => `${idOf(passage)}\t ${passage.text}\n`);
  const licences = passages.map((passage) => `${idOf(passage)},${fileOf(passage)},${passage.licence}\n`);
  await writeInto(folder, `${ROOT}/captions.txt`, captions.join(""));
  await writeInto(folder, `${ROOT}/licences.txt`, ["ROCO_ID,PMC_ID,CC\n", ...licences].join(""));
}
