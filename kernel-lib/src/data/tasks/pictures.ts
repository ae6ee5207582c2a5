import { existsSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import { pathWithin } from "../../base/paths";
import type { Control, RasterImage } from "../../base/types";
import { decodePicture } from "../formats/picture-file";
import type { PublishedTask, ReadRequest } from "./definition";

/** The picture with at most `longestSide` pixels on the long side; a smaller one stays as it is. */
export async function reducePicture(image: RasterImage, longestSide: number): Promise<RasterImage> {
  const { width, height, channels } = image;
  if (Math.max(width, height) <= longestSide) return image;
  const { data, info } = await sharp(image.data, { raw: { width, height, channels } })
    .resize({ width: longestSide, height: longestSide, fit: "inside" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels, data: Uint8Array.from(data) };
}

/** Longest side of a picture that is not asked for otherwise, pixels. */
const DEFAULT_SIDE = 64;

/** A picture that still has to be decoded. */
export interface PictureSource {
  /** The same for the same picture: it is decoded once. */
  readonly key: string;
  /** What to call it in an error: file, row, field. */
  readonly place: string;
  readonly load: () => Promise<RasterImage>;
}

/** A picture from a file or its bytes. A task's picture that cannot be decoded is an error: no question is dropped. */
export function pictureOf(key: string, place: string, picture: string | Uint8Array, side: number): PictureSource {
  const load = async () => {
    try {
      return await decodePicture(picture, side);
    } catch (cause) {
      throw new DataError(
        `loadTask: ${place} must be a sound picture; got ${(cause as Error).message}. Download it again.`,
        { place, picture: typeof picture === "string" ? picture : key },
        cause,
      );
    }
  };
  return { key, place, load };
}

const AT_ONCE = 8;

/** Decodes every different picture once, a few at a time, and reports progress. */
export async function loadPictures(
  task: string,
  sources: readonly PictureSource[],
  control: Control,
): Promise<Map<string, RasterImage>> {
  const different = [...new Map(sources.map((source) => [source.key, source])).values()];
  const pictures = new Map<string, RasterImage>();
  let next = 0;
  const work = async () => {
    for (let at = next++; at < different.length; at = next++) {
      assertNotInterrupted("loadTask", control.signal);
      const { key, load } = different[at]!;
      pictures.set(key, await load());
      control.onProgress?.({ stage: `pictures of ${task}`, done: pictures.size, total: different.length });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return pictures;
}

/** Longest side of a picture, as asked for. */
export const sideOf = ({ imageSize }: ReadRequest): number => imageSize ?? DEFAULT_SIDE;

/** The picture that a row names, within a folder. @throws DataError when its path leaves the folder. */
export async function namedPicture(folder: string, name: string, place: string, side: number): Promise<PictureSource> {
  const path = await pathWithin(folder, name, place);
  if (existsSync(path)) return pictureOf(path, `${place}, picture ${name}`, path, side);
  throw new DataError(`loadTask: ${place} must name a picture that is there; got ${path}. Get the pictures too.`, {
    place,
    path,
  });
}

/** One way in which a publisher lays out files. */
export interface Layout<Name extends string> {
  readonly name: Name;
  /** Files that all have to be there, relative to the task's folder. */
  readonly files: readonly string[];
}

/** A folder of downloads and which layout it has. */
interface FoundLayout<Name extends string> {
  readonly folder: string;
  readonly layout: Name;
}

/**
 * Looks for a task's files in the data folder and in the task's own folders within.
 *
 * @param folders names of the task's own folder, e.g. "vqa_rad".
 * @throws DataError that lists what was looked for and how to get it.
 */
export function findLayout<Name extends string>(
  dataDir: string,
  folders: readonly string[],
  layouts: readonly Layout<Name>[],
  card: Pick<PublishedTask["card"], "obtain">,
): FoundLayout<Name> {
  for (const folder of [...folders.map((name) => join(dataDir, name)), dataDir]) {
    const layout = layouts.find(({ files }) => files.every((file) => existsSync(join(folder, file))));
    if (layout !== undefined) return { folder, layout: layout.name };
  }
  const wanted = layouts.map(({ files }) => files.join(" + ")).join(", or ");
  throw new DataError(
    `loadTask: dataDir must hold ${wanted}, in it or in its folder ${folders.join(" or ")}; got ${dataDir}. Get ${card.obtain}`,
    { dataDir, folders, layouts },
  );
}
