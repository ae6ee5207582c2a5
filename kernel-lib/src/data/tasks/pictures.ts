import { existsSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { assertNotInterrupted } from "../../base/check";
import { DataError, isKernelError, type KernelError } from "../../base/errors";
import { pathWithin } from "../../base/paths";
import type { Control, RasterImage, Split } from "../../base/types";
import { decodePicture, isNearlyFlat, UnreadPicture } from "../formats/picture-file";
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

/** A picture from a file or its bytes. Its error says whether it is damaged, or of a form that is not read. */
export function pictureOf(key: string, place: string, picture: string | Uint8Array, side: number): PictureSource {
  const load = async () => {
    try {
      return await decodePicture(picture, side);
    } catch (cause) {
      const [rule, next] =
        cause instanceof UnreadPicture
          ? ["be a picture that is read", "Save it as PNG or JPEG."]
          : ["be a sound picture", "Download it again."];
      throw new DataError(
        `loadTask: ${place} must ${rule}; got ${(cause as Error).message}. ${next}`,
        { place, picture: typeof picture === "string" ? picture : key },
        cause,
      );
    }
  };
  return { key, place, load };
}

/** A picture that cannot be had, or a row that cannot be used: it turns out once the picture is asked for, and the row is left out. */
export function unusable(place: string, rule: string, got: string, next: string): PictureSource {
  const load = async () => {
    throw new DataError(`loadTask: ${place} must ${rule}; got ${got}. ${next}`, { place, got });
  };
  return { key: place, place, load };
}

/** A picture that is not there. */
export const missingPicture = (place: string, got: string, next: string): PictureSource =>
  unusable(place, "name a picture that is there", got, next);

const AT_ONCE = 8;

/** What came of a picture. */
type Outcome = RasterImage | KernelError;

/** Decodes every different picture once, a few at a time, and reports progress. What is wrong with one stands in its place. */
export async function decodePictures(
  task: string,
  sources: readonly PictureSource[],
  control: Control,
): Promise<Map<string, Outcome>> {
  const different = [...new Map(sources.map((source) => [source.key, source])).values()];
  const outcomes = new Map<string, Outcome>();
  let next = 0;
  const work = async () => {
    for (let at = next++; at < different.length; at = next++) {
      assertNotInterrupted("loadTask", control.signal);
      const { key, load } = different[at]!;
      const outcome = await load().catch((error: unknown) => {
        if (isKernelError(error) && error.code === "data") return error;
        throw error;
      });
      outcomes.set(key, outcome);
      control.onProgress?.({ stage: `pictures of ${task}`, done: outcomes.size, total: different.length });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

/** A picture that was left out, and why. */
export interface BrokenPicture {
  readonly place: string;
  readonly reason: string;
}

/** What is wrong, without the name of the function and of the place. */
function reasonOf({ message }: Error, place: string): string {
  const at = message.indexOf(place);
  return at < 0 ? message : message.slice(at + place.length).replace(/^[, ]+/, "");
}

const NAMED = 5;

const sayBroken = (broken: readonly BrokenPicture[]): string => {
  const first = broken.slice(0, NAMED).map(({ place, reason }) => {
    return `${place}${reason.startsWith("must") ? "" : ","} ${reason}`;
  });
  return `${first.join(" ")}${broken.length > NAMED ? " …" : ""}`;
};

/**
 * Says through `control.onWarn("pictures", …)` which pictures decode to nearly one value: a viewer may show more of them than the
 * models will see.
 */
export function warnOfFlat(task: string, places: readonly string[], control: Control): void {
  if (places.length === 0) return;
  const first = `${places.slice(0, NAMED).join("; ")}${places.length > NAMED ? "; …" : ""}`;
  const message = `loadTask: no picture of ${task} should decode to nearly one value; ${places.length} did: ${first}. Compare with a viewer.`;
  control.onWarn?.("pictures", message, { task, flat: places });
}

/** A row whose picture still has to be decoded. */
interface PicturedRow {
  readonly split: Split;
  readonly picture: PictureSource;
}

/** Warns of the pictures that are left out. @throws DataError when they are more than may be, or all of a split. */
function settleBroken(
  task: string,
  broken: readonly BrokenPicture[],
  { total, emptied }: { readonly total: number; readonly emptied: Split | undefined },
  { maxBrokenShare, control }: Pick<ReadRequest, "maxBrokenShare" | "control">,
): void {
  if (broken.length === 0) return;
  const details = { task, broken, total };
  const got = `${broken.length} of ${total}`;
  if (emptied !== undefined || broken.length > Math.max(1, maxBrokenShare * total)) {
    const rule =
      emptied === undefined ? `be sound but for ${100 * maxBrokenShare} % (or one)` : `leave ${emptied} rows`;
    throw new DataError(
      `loadTask: the pictures of ${task} must ${rule}; ${got} are broken: ${sayBroken(broken)}`,
      details,
    );
  }
  const message = `loadTask: ${got} pictures of ${task} were left out, with their rows: ${sayBroken(broken)}`;
  control.onWarn?.("pictures", message, details);
}

/**
 * Rows with their pictures, decoded once each. A row whose picture is missing, damaged or not read is left out and named through
 * `control.onWarn("pictures", …)`; so are those that decode to nearly one value, which stay.
 *
 * @throws DataError when more than one picture and more than `maxBrokenShare` of them are broken, or all of a split.
 */
export async function withPictures<R extends PicturedRow>(
  task: string,
  rows: readonly R[],
  request: Pick<ReadRequest, "maxBrokenShare" | "control">,
): Promise<{ readonly row: R; readonly image: RasterImage }[]> {
  const sources = new Map(rows.map(({ picture }) => [picture.key, picture]));
  const outcomes = await decodePictures(task, [...sources.values()], request.control);
  const broken: BrokenPicture[] = [];
  const flat: string[] = [];
  for (const [key, { place }] of sources) {
    const outcome = outcomes.get(key)!;
    if (outcome instanceof Error) broken.push({ place, reason: reasonOf(outcome, place) });
    else if (isNearlyFlat(outcome)) flat.push(place);
  }
  const sound = rows.flatMap((row) => {
    const image = outcomes.get(row.picture.key)!;
    return image instanceof Error ? [] : [{ row, image }];
  });
  const left = new Set(sound.map(({ row }) => row.split));
  const emptied = rows.find(({ split }) => !left.has(split))?.split;
  settleBroken(task, broken, { total: sources.size, emptied }, request);
  warnOfFlat(task, flat, request.control);
  return sound;
}

/** Longest side of a picture, as asked for. */
export const sideOf = ({ imageSize }: ReadRequest): number => imageSize ?? DEFAULT_SIDE;

/** The picture that a row names, within a folder. @throws DataError when its path leaves the folder. */
export async function namedPicture(folder: string, name: string, place: string, side: number): Promise<PictureSource> {
  const path = await pathWithin(folder, name, place);
  if (existsSync(path)) return pictureOf(path, `${place}, picture ${name}`, path, side);
  return missingPicture(place, path, "Get the pictures too.");
}

/** One way in which a publisher lays out files. */
export interface Layout<Name extends string> {
  readonly name: Name;
  /** Files that all have to be there, relative to the task's folder. */
  readonly files: readonly string[];
  /** Whether they are, where their names vary. */
  readonly isIn?: (folder: string) => boolean;
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
    const layout = layouts.find(({ files, isIn }) =>
      isIn === undefined ? files.every((file) => existsSync(join(folder, file))) : isIn(folder),
    );
    if (layout !== undefined) return { folder, layout: layout.name };
  }
  const wanted = layouts.map(({ files }) => files.join(" + ")).join(", or ");
  throw new DataError(
    `loadTask: dataDir must hold ${wanted}, in it or in its folder ${folders.join(" or ")}; got ${dataDir}. Get ${card.obtain}`,
    { dataDir, folders, layouts },
  );
}
