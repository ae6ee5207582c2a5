import { assertNotInterrupted } from "../../base/check";
import { DataError } from "../../base/errors";
import type { Control, RasterImage } from "../../base/types";
import { decodePicture } from "../corpora/decode-picture";

/** Longest side of a picture that is not asked for otherwise, pixels. */
export const DEFAULT_SIDE = 64;

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
