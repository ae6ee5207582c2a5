import { existsSync } from "node:fs";
import { assertInRange, assertInteger, assertKnownKeys, assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { type Control, DATA_SOURCES, type DataCard, type DataSource, type Task } from "../base/types";
import { makeDisjoint, reportSharedGroups } from "../data/splits";
import type { ReadRequest, SplitRule, TaskDefinition } from "../data/tasks/definition";
import { TASKS } from "../data/tasks/tasks";
import { casebookOfTask } from "./casebook/casebook";
import { PHANTOM_SIZES, type PhantomSize, phantomCard, phantomFolder, phantomPlace, type TaskPhantom } from "./phantom";
import { TASK_PHANTOMS } from "./phantoms";

/** The phantom of a task; undefined where nothing is drawn under this name. @throws ConfigError for a casebook's dial. */
function findTaskPhantom(name: string): TaskPhantom | undefined {
  return TASK_PHANTOMS.get(name) ?? casebookOfTask(name)?.task;
}

/** Options of loadTask; every one has a default. */
export interface LoadTaskOptions {
  /** Default "real" when `dataDir` is given, else "phantom". */
  readonly source?: DataSource;
  /** Folder of downloads: files are looked for in it and in the task's own folder within. Needed for real files. */
  readonly dataDir?: string;
  /** Which phantom; real files do not depend on it. Default 7. */
  readonly seed?: number;
  /** How many phantoms: "quick" (default), or "full" with the numbers of the real data set. */
  readonly size?: PhantomSize;
  /** MedMNIST: which published size, 28 (default), 64, 128 or 224. Others: longest side of a picture, default 64. */
  readonly imageSize?: number;
  /** "published" (default), or "imageDisjoint": train and validation lose the pictures (or patients) of test. */
  readonly split?: SplitRule;
  /** Seed of splits that the publisher leaves open (a validation part, BRSET's three parts). Default 1. */
  readonly splitSeed?: number;
  /**
   * What to do with a file whose MD5 is not the published one: refuse ("strict"), or warn and go on if its content is sound.
   * Default JOMED_CHECKSUM where it is set (`npm run reproduce` and `npm run lab` set "warn"), else "strict".
   */
  readonly checksum?: "warn" | "strict";
  /** Largest share of pictures that may be missing or broken, 0 to 1; a single one may always be. Default 0.01. */
  readonly maxBrokenShare?: number;
  /** Where the phantoms' files are kept. Default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string;
  /** `onWarn` hears of another checksum, of pictures that are left out or nearly empty, and of those in two splits; `signal` stops the reading. */
  readonly control?: Control;
}

const DRAWN_ONLY = [...TASK_PHANTOMS.keys()].filter((name) => !TASKS.has(name));

/** The names loadTask knows: the published tasks in the paper's order, then those that are only drawn. */
export const TASK_NAMES: readonly string[] = [...TASKS.keys(), ...DRAWN_ONLY];

/** The names of the tasks that have data of this source. */
export function tasksFrom(source: DataSource): readonly string[] {
  const known: ReadonlyMap<string, unknown> = source === "real" ? TASKS : TASK_PHANTOMS;
  return TASK_NAMES.filter((name) => known.has(name));
}

/**
 * What is fixed about a task, whatever its files.
 *
 * @param where who asks, for the error.
 * @throws ConfigError that lists the known names.
 */
export function taskDefinition(name: string, where = "loadTask: name"): TaskDefinition {
  const found = TASKS.get(name) ?? findTaskPhantom(name)?.task;
  if (found === undefined) assertOneOf(where, name, TASK_NAMES);
  return found!;
}

const OPTION_NAMES: readonly (keyof LoadTaskOptions)[] = [
  "source",
  "dataDir",
  "seed",
  "size",
  "imageSize",
  "split",
  "splitSeed",
  "checksum",
  "maxBrokenShare",
  "cacheDir",
  "control",
];

/** Where a task's files come from, and what is said of them. */
interface Origin {
  readonly source: DataSource;
  readonly folder: string;
  readonly files: ReadRequest["files"];
  readonly card: DataCard;
  /** Beginning of the fingerprint. */
  readonly mark: string;
}

type Wish = Pick<LoadTaskOptions, "source" | "dataDir" | "seed" | "size" | "cacheDir">;

const sourceOf = ({ source, dataDir }: Wish): DataSource => source ?? (dataDir === undefined ? "phantom" : "real");

/** The phantom that a wish means, where it means one. */
function phantomOf(name: string, wish: Wish): TaskPhantom | null {
  if (sourceOf(wish) === "real") return null;
  const phantom = findTaskPhantom(name);
  if (phantom !== undefined) return phantom;
  throw new ConfigError(
    `loadTask: source must be "real" for ${name}, which has no phantom; got "phantom". Pass dataDir.`,
    { name },
  );
}

const placeOf = ({ seed = 7, size = "quick", cacheDir }: Wish) => ({ seed, size, cacheDir });

/**
 * Whether loadTask would draw nothing for these options.
 *
 * @throws ConfigError for an unknown task.
 */
export function isTaskDrawn(name: string, options: Wish = {}): boolean {
  taskDefinition(name);
  const phantom = phantomOf(name, options);
  return phantom === null || existsSync(phantomPlace(name, phantom, placeOf(options)));
}

async function drawFiles(phantom: TaskPhantom, wish: Wish, control: Control): Promise<Origin> {
  const { task, version, description } = phantom;
  const place = placeOf(wish);
  const { title } = task.card;
  const what = TASKS.has(task.name)
    ? `A procedural stand-in with the file format and labels of ${title}, made from seed ${place.seed}.`
    : `${task.card.description} Made from seed ${place.seed}.`;
  return {
    source: "phantom",
    folder: await phantomFolder(task.name, phantom, { ...place, control }),
    files: "drawn",
    card: phantomCard(`${title} phantom`, `${what} ${description} No patient is behind it.`),
    mark: ["phantom", `v${version}`, place.seed].join(":"),
  };
}

function findFiles(name: string, { dataDir }: Wish): Origin {
  const published = TASKS.get(name);
  if (published === undefined) {
    throw new ConfigError(
      `loadTask: source must be "phantom" for ${name}, which is only drawn; got "real". Leave dataDir out.`,
      { name },
    );
  }
  if (dataDir === undefined) {
    throw new ConfigError(
      'loadTask: dataDir must be given with source "real"; got none. Set JOMED_DATA_DIR or pass it.',
    );
  }
  const card = { ...published.card, source: "real" as const };
  return { source: "real", folder: dataDir, files: "published", card, mark: "real" };
}

function readingOf(options: LoadTaskOptions): Omit<ReadRequest, "dataDir" | "files"> {
  const { splitSeed = 1, imageSize = null, maxBrokenShare = 0.01, control = {} } = options;
  const checksum = options.checksum ?? (process.env["JOMED_CHECKSUM"] || "strict");
  assertOneOf("loadTask: checksum", checksum, ["warn", "strict"]);
  assertInteger("loadTask: splitSeed", splitSeed, 0);
  if (imageSize !== null) assertInteger("loadTask: imageSize", imageSize, 8, 1024);
  assertInRange("loadTask: maxBrokenShare", maxBrokenShare, 0, 1);
  return { splitSeed, checksum, imageSize, maxBrokenShare, control };
}

/**
 * Loads a task: the publisher's files, or the phantom made from a seed.
 *
 * Both go through the same reader: a phantom is written in the publisher's format first, once. A file with another MD5
 * is refused, or said aloud through `control.onWarn("checksum", …)`; its content is held to the published sizes and labels either way.
 * Rows whose pictures are missing or broken are left out and named with the code "pictures", up to `maxBrokenShare`. Pictures that stand
 * in two splits are reported with the code "split".
 * @throws ConfigError for an unknown task or option. DataError for a missing or unsound file.
 * @example const task = await loadTask("breast-mnist", { dataDir: "downloads" })
 */
export async function loadTask(name: string, options: LoadTaskOptions = {}): Promise<Task> {
  const definition = taskDefinition(name);
  assertKnownKeys("loadTask:", options, OPTION_NAMES);
  const { seed = 7, size = "quick", split = "published" } = options;
  assertOneOf("loadTask: source", sourceOf(options), DATA_SOURCES);
  assertOneOf("loadTask: size", size, PHANTOM_SIZES);
  assertOneOf("loadTask: split", split, ["published", "imageDisjoint"]);
  assertInteger("loadTask: seed", seed, 0);
  const reading = readingOf(options);
  const phantom = phantomOf(name, options);
  const origin = phantom === null ? findFiles(name, options) : await drawFiles(phantom, options, reading.control);
  const task = await readTask(definition, origin, reading);
  if (split === "imageDisjoint") {
    return { ...task, splits: makeDisjoint(task.splits), fingerprint: `${task.fingerprint}:imageDisjoint` };
  }
  if (task.source === "real") reportSharedGroups(task, reading.control);
  return task;
}

async function readTask(
  definition: TaskDefinition,
  { source, folder, files, card, mark }: Origin,
  reading: Omit<ReadRequest, "dataDir" | "files">,
): Promise<Task> {
  const { name, modality, labels, metrics } = definition;
  const { splits, identity } = await definition.read({ ...reading, dataDir: folder, files });
  return { name, source, modality, labels, metrics, splits, card, fingerprint: `${name}:${mark}:${identity}` };
}
