import { createHash } from "node:crypto";
import type { Passage } from "../../../base/types";
import { type CorpusTwinOptions, encodeJpeg, numberOf, twinPassages, writeInto } from "./corpus-twin";

/** A report as MIMIC-CXR has them: the part before the stop is what is seen, the rest what it means. */
function writeReport(text: string): string {
  const stop = text.indexOf(" . ");
  const [findings, impression] = [text.slice(0, stop + 2), text.slice(stop + 3)];
  return [
    "                                 FINAL REPORT",
    " EXAMINATION:  CHEST (PORTABLE AP)",
    "",
    " INDICATION:  stand-in made from a seed; no patient is behind it",
    "",
    ` FINDINGS:\n \n ${findings}`,
    "",
    ` IMPRESSION:\n \n ${impression}`,
    "",
  ].join("\n");
}

/** Five groups of eight hexadecimal digits, as the pictures are named. */
function dicomName(passage: Passage): string {
  const digits = createHash("sha256").update(passage.id).digest("hex").slice(0, 40);
  return digits.match(/.{8}/g)!.join("-");
}

/** Writes the stand-in for MIMIC-CXR into `folder`/mimic-cxr: pictures and reports, two studies per patient. */
export async function writeMimicCxrTwin(folder: string, options: CorpusTwinOptions = {}): Promise<void> {
  for (const [position, passage] of twinPassages("mimic-cxr", options).entries()) {
    const patient = `p${10_000_000 + Math.floor(position / 2)}`;
    const study = `${patient.slice(0, 3)}/${patient}/s${50_000_000 + numberOf(passage)}`;
    await writeInto(folder, `mimic-cxr/files/${study}/${dicomName(passage)}.jpg`, await encodeJpeg(passage.image));
    await writeInto(folder, `mimic-cxr/mimic-cxr-reports/files/${study}.txt`, writeReport(passage.text));
  }
}
