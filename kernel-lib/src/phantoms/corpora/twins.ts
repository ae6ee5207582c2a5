import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { ConfigError } from "../../base/errors";
import type { Corpus, Passage, RasterImage } from "../../base/types";
import type { BrokenRow, CorpusRow, CorpusSource } from "../../data/corpora/definition";
import { MIMIC_CXR } from "../../data/corpora/mimic-cxr";
import { type OpenCorpusOptions, openCorpus } from "../../data/corpora/open-corpus";
import { PMC_OA } from "../../data/corpora/pmc-oa";
import { ROCO } from "../../data/corpora/roco";
import { formatTar } from "../../data/formats/tar";
import { type CorpusPhantom, type CorpusRequest, type CorpusTwin, phantomCard, phantomFolder } from "../phantom";

/** A JPEG as publishers keep pictures: quality 95, colours not thinned out. */
function encodeJpeg(image: RasterImage): Promise<Buffer> {
  const { width, height, channels } = image;
  return sharp(image.data, { raw: { width, height, channels } })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .toBuffer();
}

/** Writes a file of a twin, and its folders. */
async function writeInto(folder: string, path: string, content: Uint8Array | string): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** The number at the end of a phantom's id: "phantom/000012" -> 12. */
function numberOf(passage: Passage): number {
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

/** Pictures and reports of MIMIC-CXR, two studies per patient, into `folder`/mimic-cxr. */
async function writeStudies(folder: string, pairs: readonly Passage[]): Promise<void> {
  for (const [position, passage] of pairs.entries()) {
    const patient = `p${10_000_000 + Math.floor(position / 2)}`;
    const study = `${patient.slice(0, 3)}/${patient}/s${50_000_000 + numberOf(passage)}`;
    await writeInto(folder, `mimic-cxr/files/${study}/${dicomName(passage)}.jpg`, await encodeJpeg(passage.image));
    await writeInto(folder, `mimic-cxr/mimic-cxr-reports/files/${study}.txt`, writeReport(passage.text));
  }
}

const PAIRS_PER_ARCHIVE = 1000;

/** Article and figure, as PMC-OA names its files; two figures make an article. */
function fileName(passage: Passage): string {
  const number = numberOf(passage);
  return `PMC${900_000 + Math.floor(number / 2)}_Fig${1 + (number % 2)}_1.jpg`;
}

/** PMC-OA as a .jsonl with a folder of pictures, into `folder`/pmc-oa. */
async function writeJsonl(folder: string, pairs: readonly Passage[]): Promise<void> {
  const lines: string[] = [];
  for (const passage of pairs) {
    const image = fileName(passage);
    await writeInto(folder, `pmc-oa/images/${image}`, await encodeJpeg(passage.image));
    const row = { image, caption: passage.text, alignment_type: "single", alignment_score: 1 };
    lines.push(`${JSON.stringify(row)}\n`);
  }
  await writeInto(folder, "pmc-oa/pmc_oa.jsonl", lines.join(""));
}

/** PMC-OA as webdataset archives, the other way in which it is published. */
export async function writeArchives(folder: string, pairs: readonly Passage[]): Promise<void> {
  for (let start = 0; start < pairs.length; start += PAIRS_PER_ARCHIVE) {
    const members: [string, Uint8Array][] = [];
    for (const passage of pairs.slice(start, start + PAIRS_PER_ARCHIVE)) {
      const key = fileName(passage).replace(/\.jpg$/, "");
      members.push([`${key}.jpg`, await encodeJpeg(passage.image)], [`${key}.txt`, Buffer.from(passage.text)]);
    }
    const name = String(start / PAIRS_PER_ARCHIVE).padStart(5, "0");
    await writeInto(folder, `pmc-oa/${name}.tar`, formatTar(members));
  }
}

const ROOT = "roco/train/radiology";

/** A training split of ROCO into `folder`/roco: captions.txt, licences.txt and images. */
async function writeLists(folder: string, pairs: readonly Passage[]): Promise<void> {
  const idOf = (passage: Passage) => `ROCO_${String(numberOf(passage) + 1).padStart(5, "0")}`;
  const fileOf = (passage: Passage) => `PMC${700_000 + numberOf(passage)}_phantom-g01.jpg`;
  for (const passage of pairs) {
    await writeInto(folder, `${ROOT}/images/${fileOf(passage)}`, await encodeJpeg(passage.image));
  }
  const captions = pairs.map((passage) => `${idOf(passage)}\t ${passage.text}\n`);
  const licences = pairs.map((passage) => `${idOf(passage)},${fileOf(passage)},${passage.licence}\n`);
  await writeInto(folder, `${ROOT}/captions.txt`, captions.join(""));
  await writeInto(folder, `${ROOT}/licences.txt`, ["ROCO_ID,PMC_ID,CC\n", ...licences].join(""));
}

const description =
  "the pairs of the corpus phantom (or of phantom-pool: drawnFrom) that stand in for it, written in this format";

export const PMC_OA_TWIN: CorpusTwin = { corpus: PMC_OA, description, write: writeJsonl };
export const MIMIC_CXR_TWIN: CorpusTwin = { corpus: MIMIC_CXR, description, write: writeStudies };
export const ROCO_TWIN: CorpusTwin = { corpus: ROCO, description, write: writeLists };

/**
 * The pairs that stand in for one corpus. Of the walkthrough's pairs about 45 % are for PMC-OA and ROCO each, 10 % for MIMIC-CXR.
 *
 * @throws ConfigError when none of the drawn pairs is for this corpus.
 */
export function twinPairs({ corpus: { name } }: CorpusTwin, drawn: readonly Passage[]): Passage[] {
  const pairs = drawn.filter((passage) => passage.corpus === `${name}-phantom`);
  if (pairs.length > 0) return pairs;
  throw new ConfigError(
    `twinPairs: numPassages must be large enough for a pair of ${name}; got ${drawn.length}. Draw 100 or more.`,
    { name, numPassages: drawn.length },
  );
}

/** Which stand-in is wanted: of what, drawn from which pairs, and how it is read. */
interface TwinWish {
  readonly twin: CorpusTwin;
  readonly drawnFrom: CorpusPhantom;
  readonly drawn: Pick<CorpusRequest, "seed" | "numPassages">;
  readonly reading: Omit<OpenCorpusOptions, "numPassages">;
}

async function writeTwin(folder: string, { twin, drawnFrom, drawn, reading }: TwinWish): Promise<void> {
  const { cacheDir, control } = reading;
  const { passages } = await drawnFrom.load({ ...drawn, cacheDir, control });
  await twin.write(folder, twinPairs(twin, passages));
}

/** The stand-in's files: kept in the cache where there is one, else in a folder of their own that is to be deleted. */
async function twinFolder(wish: TwinWish): Promise<string> {
  const { twin, drawnFrom, drawn, reading } = wish;
  const { cacheDir, control = {} } = reading;
  if (cacheDir === undefined) {
    const folder = await mkdtemp(join(tmpdir(), "jomed-twin-"));
    try {
      await writeTwin(folder, wish);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return folder;
  }
  const files = {
    version: drawnFrom.version,
    write: ({ folder }: { readonly folder: string }) => writeTwin(folder, wish),
  };
  const { seed = 7, numPassages = "all" } = drawn;
  const name = `${twin.corpus.name}-of-${drawnFrom.name}-${numPassages}`;
  return phantomFolder(name, files, { seed, size: "quick", cacheDir, control });
}

/** Rows of a stand-in: the project's own work, whatever the licence of the corpus it stands for. */
function ownWork(source: CorpusSource): CorpusSource {
  async function* rows(): AsyncGenerator<CorpusRow | BrokenRow> {
    for await (const row of source.rows()) yield "reason" in row ? row : { ...row, licence: "CC0-1.0" };
  }
  return { ...source, rows };
}

/** Writes the stand-in in its publisher's format, once where there is a cache, and reads it back through the reader of the real files. */
export async function loadTwin(wish: TwinWish): Promise<Corpus> {
  const { twin, reading } = wish;
  const folder = await twinFolder(wish);
  try {
    const corpus = await openCorpus(ownWork(await twin.corpus.open(folder)), reading);
    const { title } = corpus.card;
    const description = `${corpus.passages.length} procedural pairs in the file format of ${title}. No patient is behind them.`;
    const card = phantomCard(`${title} phantom`, description);
    return { ...corpus, source: "phantom", card, fingerprint: `${corpus.fingerprint}:phantom` };
  } finally {
    if (reading.cacheDir === undefined) await rm(folder, { recursive: true, force: true });
  }
}
