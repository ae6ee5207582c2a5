import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { ConfigError } from "../../../base/errors";
import type { Passage, RasterImage } from "../../../base/types";
import { type CorpusPhantomOptions, drawCorpusPhantom } from "../corpus-phantom";

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
