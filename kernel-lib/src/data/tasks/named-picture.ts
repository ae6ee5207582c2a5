import { existsSync } from "node:fs";
import { DataError } from "../../base/errors";
import { pathWithin } from "../../base/path-within";
import { DEFAULT_SIDE, type PictureSource, pictureOf } from "./load-pictures";
import type { ReadRequest } from "./task-definition";

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
