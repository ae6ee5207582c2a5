import { readFile } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import sharp from "sharp";
import { assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import type { Control, Passage, RasterImage } from "../../base/types";

/** What a folder corpus yields: its sound passages and the lines that were left out, with the reason. */
export interface FolderPassages {
  readonly passages: readonly Passage[];
  readonly broken: readonly { readonly line: number; readonly reason: string }[];
}

interface CorpusLine {
  readonly id: string;
  readonly image: string;
  readonly text: string;
}

const LONGEST_SIDE = 64;
const MOST_PIXELS = 64 * 2 ** 20;

/** Decodes a picture file and reduces it to at most 64 pixels on the long side. Refuses pictures above 64 megapixels. */
async function decodeImage(path: string): Promise<RasterImage> {
  const { data, info } = await sharp(path, { limitInputPixels: MOST_PIXELS })
    .rotate()
    .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: "inside", withoutEnlargement: true })
    .flatten()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3 && info.channels !== 1) throw new Error(`${info.channels} channels`);
  return { width: info.width, height: info.height, channels: info.channels, data: Uint8Array.from(data) };
}

function parseLine(text: string): CorpusLine {
  const row: unknown = JSON.parse(text);
  const { id, image, text: caption } = (row ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || typeof image !== "string" || typeof caption !== "string") {
    throw new Error("id, image and text must be strings");
  }
  return { id, image, text: caption };
}

/** The picture's path, if it stays in the folder. */
function resolveWithin(folder: string, path: string): string {
  const inside = relative(folder, resolve(folder, path));
  if (inside === "" || inside.startsWith("..") || isAbsolute(inside)) throw new Error(`${path} leaves the folder`);
  return join(folder, inside);
}

/**
 * Reads a corpus from a folder: corpus.jsonl, one object {id, image, text} a line, image a path within the folder.
 *
 * Lines that cannot be read, pictures that are broken or lie outside the folder, and doubled ids are left out and named.
 * @param options.licence licence of every passage.
 * @throws DataError when corpus.jsonl is missing or no line of it is sound.
 */
export async function readFolderCorpus(
  folder: string,
  name: string,
  options: { readonly licence: string; readonly numPassages?: number; readonly control?: Control },
): Promise<FolderPassages> {
  const { licence, numPassages = Number.POSITIVE_INFINITY, control = {} } = options;
  const file = join(folder, "corpus.jsonl");
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DataError(
      `readFolderCorpus: folder must hold corpus.jsonl; got ${folder}. Check dataDir.`,
      { folder },
      cause,
    );
  });
  const lines = content.split("\n");
  const passages = new Map<string, Passage>();
  const broken: { line: number; reason: string }[] = [];
  for (const [index, text] of lines.entries()) {
    if (text.trim() === "" || passages.size >= numPassages) continue;
    assertNotInterrupted("readFolderCorpus", control.signal);
    try {
      const row = parseLine(text);
      if (passages.has(row.id)) throw new Error(`id ${row.id} stands twice`);
      const image = await decodeImage(resolveWithin(folder, row.image));
      passages.set(row.id, { id: row.id, corpus: name, image, text: row.text, licence });
    } catch (error) {
      broken.push({ line: index + 1, reason: (error as Error).message });
    }
    control.onProgress?.({ stage: `corpus ${name}`, done: index + 1, total: lines.length });
  }
  if (passages.size === 0) {
    const reason = broken[0]?.reason ?? "no line";
    throw new DataError(`readFolderCorpus: ${file} must hold a sound line; got ${reason}. Check the file.`, {
      file,
      broken,
    });
  }
  return { passages: [...passages.values()], broken };
}
