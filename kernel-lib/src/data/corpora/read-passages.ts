import { assertNotInterrupted } from "../../base/check";
import { DataError, isKernelError } from "../../base/errors";
import { pathWithin } from "../../base/paths";
import type { Control, Passage } from "../../base/types";
import { decodePicture, isNearlyFlat } from "../formats/picture-file";
import type { BrokenRow, CorpusRow, CorpusSource } from "./definition";

/** Options of readPassages. */
interface ReadPassagesOptions {
  /** Most passages to yield. */
  readonly numPassages: number;
  /** Largest share of rows that may be broken, 0 to 1. */
  readonly maxBrokenShare: number;
  /** Pictures are reduced to this many pixels on their longer side. */
  readonly longestSide: number;
  /** Hears of every broken row. */
  readonly onBroken: (row: BrokenRow) => void;
  /** Hears of every picture that decodes to nearly one value: its row's place. The passage stays. */
  readonly onFlat: (place: string) => void;
  readonly control: Control;
}

/** Pictures that are decoded side by side. */
const SIDE_BY_SIDE = 16;

async function decodeRow(row: CorpusRow, name: string, longestSide: number): Promise<Passage | BrokenRow> {
  const { place, id, text, licence, group, entities = [], picture } = row;
  try {
    const source =
      picture instanceof Uint8Array ? picture : await pathWithin(picture.folder, picture.path, `${place}, picture`);
    const image = await decodePicture(source, longestSide);
    const belongs = { ...(group === undefined ? {} : { group }), ...(entities.length === 0 ? {} : { entities }) };
    return { id, corpus: name, image, text, licence, ...belongs };
  } catch (error) {
    if (isKernelError(error)) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT" && !(picture instanceof Uint8Array);
    return { place, reason: missing ? `no picture ${picture.path}` : (error as Error).message };
  }
}

async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Refuses a second row of the same id and a row without text: what is wrong with a row before its picture is looked at. */
function checkRow(row: CorpusRow | BrokenRow, ids: Set<string>): CorpusRow | BrokenRow {
  if ("reason" in row) return row;
  if (row.text.trim() === "") return { place: row.place, reason: "no text" };
  if (ids.has(row.id)) return { place: row.place, reason: `id ${row.id} stands twice` };
  ids.add(row.id);
  return row;
}

/**
 * The sound passages of a corpus in order, sixteen pictures in memory at a time. Every other row is reported to `onBroken`.
 *
 * @throws DataError when a path leaves the folder, when no row is sound, or when more rows are broken than allowed.
 * InterruptedError on abort.
 */
export async function* readPassages(source: CorpusSource, options: ReadPassagesOptions): AsyncGenerator<Passage> {
  const { numPassages, longestSide, control } = options;
  const broken: BrokenRow[] = [];
  const ids = new Set<string>();
  let sound = 0;
  for await (const group of inGroups(source.rows(), SIDE_BY_SIDE)) {
    assertNotInterrupted("readPassages", control.signal);
    const checked = group.map((row) => checkRow(row, ids));
    const decoded = checked.map((row) => ("reason" in row ? row : decodeRow(row, source.name, longestSide)));
    for (const [k, passage] of (await Promise.all(decoded)).entries()) {
      if (sound >= numPassages) break;
      if ("reason" in passage) {
        broken.push(passage);
        options.onBroken(passage);
        continue;
      }
      if (isNearlyFlat(passage.image)) options.onFlat(checked[k]!.place);
      sound++;
      yield passage;
    }
    const values = { passages: sound, broken: broken.length };
    control.onProgress?.({ stage: `corpus ${source.name}`, ...source.progress(), values });
    if (sound >= numPassages) break;
  }
  assertSound(source.name, sound, broken, options.maxBrokenShare);
}

function assertSound(name: string, sound: number, broken: readonly BrokenRow[], most: number): void {
  const first = broken
    .slice(0, 5)
    .map(({ place, reason }) => `${place}: ${reason}`)
    .join("; ");
  const details = { corpus: name, sound, broken: broken.slice(0, 1000), count: broken.length };
  if (sound === 0) {
    const got = first === "" ? "no row" : first;
    throw new DataError(`readPassages: corpus ${name} must hold a sound pair; got ${got}. Check its folder.`, details);
  }
  const share = broken.length / (broken.length + sound);
  if (share <= most) return;
  const rule = `have at most ${100 * most} % broken rows`;
  const got = `${broken.length} of ${broken.length + sound}: ${first}`;
  const next = "Repair them, or raise maxBrokenShare to go on without them.";
  throw new DataError(`readPassages: corpus ${name} must ${rule}; got ${got}. ${next}`, details);
}
