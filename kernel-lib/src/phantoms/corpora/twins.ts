import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { ConfigError } from "../../base/errors";
import type { Passage, RasterImage } from "../../base/types";
import { formatTar } from "../../data/formats/tar";
import { type CorpusPhantomOptions, drawCorpusPhantom } from "../breast/corpus";

/** The corpora that have a stand-in in their own file format. */
export const CORPUS_TWINS = ["pmc-oa", "mimic-cxr", "roco"] as const;
export type CorpusTwin = (typeof CORPUS_TWINS)[number];

/** Which pairs a twin holds: those the corpus phantom of the same options draws for it. */
export interface CorpusTwinOptions extends CorpusPhantomOptions {
  /** The pairs to take the twin's from, in place of drawing them. */
  readonly pairs?: readonly Passage[];
}

/**
 * The pairs that stand in for one corpus. Of the corpus phantom about 45 % are for PMC-OA and ROCO, 10 % for MIMIC-CXR.
 *
 * @throws ConfigError when none of the drawn pairs is for this corpus.
 */
export function twinPassages(name: CorpusTwin, options: CorpusTwinOptions): Passage[] {
  const { pairs, ...rest } = options;
  const drawn = pairs ?? drawCorpusPhantom(rest).passages;
  const passages = drawn.filter((passage) => passage.corpus === `${name}-phantom`);
  if (passages.length > 0) return passages;
  throw new ConfigError(
    `twinPassages: numPassages must be large enough for a pair of ${name}; got ${drawn.length}. Draw 100 or more.`,
    { name, numPassages: drawn.length },
  );
}

/** A JPEG as publishers keep pictures: quality 95, colours not thinned out. */
export function encodeJpeg(image: RasterImage): Promise<Buffer> {
  const { width, height, channels } = image;
  return sharp(image.data, { raw: { width, height, channels } })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .toBuffer();
}

/** Writes a file of a twin, and its folders. */
export async function writeInto(folder: string, path: string, content: Uint8Array | string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** The number at the end of a phantom's id: "phantom/000012" -> 12. */
export function numberOf(passage: Passage): number {
  return Number(passage.id.slice(passage.id.lastIndexOf("/") + 1));
}

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

/** How PMC-OA is published: a .jsonl with a folder of pictures, or webdataset archives. */
export type PmcOaLayout = "jsonl" | "webdataset";

const PAIRS_PER_ARCHIVE = 1000;

/** Article and figure, as PMC-OA names its files; two figures make an article. */
function fileName(passage: Passage): string {
  const number = numberOf(passage);
  return `PMC${900_000 + Math.floor(number / 2)}_Fig${1 + (number % 2)}_1.jpg`;
}

async function writeJsonl(folder: string, passages: readonly Passage[]): Promise<void> {
  const lines: string[] = [];
  for (const passage of passages) {
    const image = fileName(passage);
    await writeInto(folder, `pmc-oa/images/${image}`, await encodeJpeg(passage.image));
    const row = { image, caption: passage.text, alignment_type: "single", alignment_score: 1 };
    lines.push(`${JSON.stringify(row)}\n`);
  }
  await writeInto(folder, "pmc-oa/pmc_oa.jsonl", lines.join(""));
}

async function writeArchives(folder: string, passages: readonly Passage[]): Promise<void> {
  for (let start = 0; start < passages.length; start += PAIRS_PER_ARCHIVE) {
    const members: [string, Uint8Array][] = [];
    for (const passage of passages.slice(start, start + PAIRS_PER_ARCHIVE)) {
      const key = fileName(passage).replace(/\.jpg$/, "");
      members.push([`${key}.jpg`, await encodeJpeg(passage.image)], [`${key}.txt`, Buffer.from(passage.text)]);
    }
    const name = String(start / PAIRS_PER_ARCHIVE).padStart(5, "0");
    await writeInto(folder, `pmc-oa/${name}.tar`, formatTar(members));
  }
}

/** Writes the stand-in for PMC-OA into `folder`/pmc-oa. */
export async function writePmcOaTwin(
  folder: string,
  options: CorpusTwinOptions & { readonly layout?: PmcOaLayout } = {},
): Promise<void> {
  const { layout = "jsonl", ...drawn } = options;
  const passages = twinPassages("pmc-oa", drawn);
  await (layout === "jsonl" ? writeJsonl(folder, passages) : writeArchives(folder, passages));
}

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
