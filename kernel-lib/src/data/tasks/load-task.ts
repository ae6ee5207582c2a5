import { join } from "node:path";
import { assertInteger, assertKnownKeys, assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";
import type { Control, DataSource, Task } from "../../base/types";
import { phantomFolder } from "../../phantoms/tasks/phantom-folder";
import { PHANTOM_SIZES, type PhantomSize } from "../../phantoms/tasks/phantom-task";
import { makeDisjoint, reportSharedGroups } from "../splits";
import { KNOWN_TASKS, type KnownTask } from "./known-tasks";
import type { ReadRequest, SplitRule } from "./task-definition";

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
  /** Where the phantoms' files are kept. Default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string;
  /** `onWarn` hears of another checksum and of pictures that stand in two splits; `signal` stops the reading. */
  readonly control?: Control;
}

/** The names loadTask knows. */
export const TASK_NAMES: readonly string[] = [...KNOWN_TASKS.keys()];

const OPTION_NAMES: readonly (keyof LoadTaskOptions)[] = [
  "source",
  "dataDir",
  "seed",
  "size",
  "imageSize",
  "split",
  "splitSeed",
  "checksum",
  "cacheDir",
  "control",
];

type Checked = Omit<ReadRequest, "dataDir" | "counts"> & {
  readonly seed: number;
  readonly size: PhantomSize;
  readonly split: SplitRule;
};

function check(name: string, options: LoadTaskOptions): Checked {
  assertOneOf("loadTask: name", name, TASK_NAMES);
  assertKnownKeys("loadTask:", options, OPTION_NAMES);
  const { seed = 7, splitSeed = 1, size = "quick", split = "published", control = {} } = options;
  const checksum = options.checksum ?? (process.env["JOMED_CHECKSUM"] || "strict");
  const source = options.source ?? (options.dataDir === undefined ? "phantom" : "real");
  assertOneOf("loadTask: source", source, ["phantom", "real"]);
  assertOneOf("loadTask: checksum", checksum, ["warn", "strict"]);
  assertOneOf("loadTask: size", size, PHANTOM_SIZES);
  assertOneOf("loadTask: split", split, ["published", "imageDisjoint"]);
  assertInteger("loadTask: seed", seed, 0);
  assertInteger("loadTask: splitSeed", splitSeed, 0);
  const imageSize = options.imageSize ?? null;
  if (imageSize !== null) assertInteger("loadTask: imageSize", imageSize, 8, 1024);
  return { source, seed, size, split, splitSeed, checksum, imageSize, control };
}

async function readPhantom({ definition, phantom }: KnownTask, checked: Checked, cacheDir?: string): Promise<Task> {
  const { seed, size, control } = checked;
  const place = cacheDir ?? join(repositoryRoot(), "data", "artifacts", "phantoms");
  const folder = await phantomFolder(definition.name, phantom, { seed, size, cacheDir: place, control });
  const { splits, identity } = await definition.read({ ...checked, dataDir: folder, counts: "any" });
  const { title } = definition.card;
  const card = {
    title: `${title} phantom`,
    source: "phantom" as const,
    description: `A procedural stand-in with the file format and labels of ${title}, made from seed ${seed}. ${phantom.description} No patient is behind it.`,
    licence: "CC0-1.0",
    citation: "none: made by this project",
    obtain: "nothing to obtain",
  };
  const { name, modality, labels, metrics } = definition;
  const fingerprint = `${name}:phantom:v${phantom.version}:${seed}:${identity}`;
  return { name, source: "phantom", modality, labels, metrics, splits, card, fingerprint };
}

async function readReal({ definition }: KnownTask, checked: Checked, dataDir?: string): Promise<Task> {
  if (dataDir === undefined) {
    throw new ConfigError(
      'loadTask: dataDir must be given with source "real"; got none. Set JOMED_DATA_DIR or pass it.',
    );
  }
  const { splits, identity } = await definition.read({ ...checked, dataDir, counts: "published" });
  const { name, modality, labels, metrics } = definition;
  const card = { ...definition.card, source: "real" as const };
  return { name, source: "real", modality, labels, metrics, splits, card, fingerprint: `${name}:real:${identity}` };
}

/**
 * Loads a task: the publisher's files, or the stand-in made from a seed.
 *
 * Both go through the same reader: a stand-in is written in the publisher's format first, once. A file with another MD5
 * is refused, or said aloud through `control.onWarn("checksum", …)`; its content is held to the published sizes and labels either way.
 * Pictures that stand in two splits are reported with the code "split".
 * @throws ConfigError for an unknown task or option. DataError for a missing or unsound file.
 * @example const task = await loadTask("breast-mnist", { dataDir: "downloads" })
 */
export async function loadTask(name: string, options: LoadTaskOptions = {}): Promise<Task> {
  const checked = check(name, options);
  const known = KNOWN_TASKS.get(name)!;
  const task =
    checked.source === "phantom"
      ? await readPhantom(known, checked, options.cacheDir)
      : await readReal(known, checked, options.dataDir);
  if (checked.split === "imageDisjoint") {
    return { ...task, splits: makeDisjoint(task.splits), fingerprint: `${task.fingerprint}:imageDisjoint` };
  }
  if (checked.source === "real") reportSharedGroups(task, checked.control);
  return task;
}
