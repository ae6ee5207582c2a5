import { createHash } from "node:crypto";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { assertInteger, assertKnownKeys, assertOneOf } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import type { Control, DataSource, Task } from "../../base/types";
import { md5OfFile } from "../formats/checksum";
import { parseNpz, readNpz } from "../formats/npz";
import { writeBreastArchive } from "../phantoms/breast-archive";
import { PHANTOM_VERSION } from "../phantoms/breast-phantom";
import { reportSharedGroups } from "../split-check";
import { BREAST_MNIST } from "./breast-mnist";
import { type MedMnistSpec, readMedMnist } from "./medmnist";

/** Options of loadTask; every one has a default. */
export interface LoadTaskOptions {
  /** Default "real" when `dataDir` is given, else "phantom". */
  readonly source?: DataSource;
  /** Folder of downloads: the file is looked for in it and in its folder medmnist. Needed for real files. */
  readonly dataDir?: string;
  /** Which phantom; real files do not depend on it. Default 7. */
  readonly seed?: number;
  /** What to do with a file whose MD5 is not the published one: warn (default) and go on if its content is sound, or refuse. */
  readonly checksum?: "warn" | "strict";
  /** `onWarn` hears of another checksum and of pictures that stand in two splits. */
  readonly control?: Control;
}

interface KnownTask {
  readonly spec: MedMnistSpec;
  /** Writes the stand-in's file. */
  readonly phantom: (seed: number) => Uint8Array;
}

const TASKS: Readonly<Record<string, KnownTask>> = {
  "breast-mnist": { spec: BREAST_MNIST, phantom: (seed) => writeBreastArchive(seed) },
};

/** The names loadTask knows. */
export const TASK_NAMES: readonly string[] = Object.keys(TASKS);

const OPTION_NAMES: readonly (keyof LoadTaskOptions)[] = ["source", "dataDir", "seed", "checksum", "control"];

async function findFile(dataDir: string, spec: MedMnistSpec): Promise<string> {
  const places = [join(dataDir, "medmnist", spec.file), join(dataDir, spec.file)];
  for (const place of places) {
    const found = await access(place).then(
      () => true,
      () => false,
    );
    if (found) return place;
  }
  throw new DataError(
    `loadTask: dataDir must hold ${spec.file}; got neither ${places.join(" nor ")}. Get ${spec.card.obtain}`,
    {
      dataDir,
      file: spec.file,
    },
  );
}

async function loadReal(spec: MedMnistSpec, dataDir: string, options: LoadTaskOptions): Promise<Task> {
  const path = await findFile(dataDir, spec);
  const md5 = await md5OfFile(path);
  if (md5 !== spec.md5) {
    const said = `loadTask: ${spec.file} must have the published md5 ${spec.md5}; got ${md5}.`;
    const details = { file: path, md5, published: spec.md5 };
    if (options.checksum === "strict") {
      throw new DataError(`${said} Download it again, or pass checksum: "warn".`, details);
    }
    options.control?.onWarn?.("checksum", `${said} Going on: its content is checked instead.`, details);
  }
  const arrays = await readNpz(path);
  return readMedMnist(arrays, spec, { file: spec.file, source: "real", fingerprint: `${spec.name}:real:${md5}` });
}

function makePhantom({ spec, phantom }: KnownTask, seed: number): Task {
  const bytes = phantom(seed);
  const file = `phantom of ${spec.file}`;
  const sha = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const fingerprint = `${spec.name}:phantom:v${PHANTOM_VERSION}:${seed}:${sha}`;
  const task = readMedMnist(parseNpz(bytes, file), spec, { file, source: "phantom", fingerprint });
  const card = {
    title: `${spec.card.title} phantom`,
    source: "phantom" as const,
    description: `A procedural stand-in with the file format, sizes and labels of ${spec.card.title}, made from seed ${seed}; 40 % malignant. No patient is behind it.`,
    licence: "CC0-1.0",
    citation: "none: made by this project",
    obtain: "nothing to obtain",
  };
  return { ...task, card };
}

/**
 * Loads a task: the publisher's file, or the stand-in made from a seed.
 *
 * Both go through the same reader. A file with another MD5 is said aloud through `control.onWarn("checksum", …)`; its content
 * is held to the published sizes and labels either way. Pictures that stand in two splits are reported with the code "split".
 * @throws ConfigError for an unknown task or option. DataError for a missing or unsound file.
 * @example const task = await loadTask("breast-mnist", { dataDir: "downloads" })
 */
export async function loadTask(name: string, options: LoadTaskOptions = {}): Promise<Task> {
  assertOneOf("loadTask: name", name, TASK_NAMES);
  assertKnownKeys("loadTask:", options, OPTION_NAMES);
  const { dataDir, seed = 7, control = {}, checksum = "warn" } = options;
  const source = options.source ?? (dataDir === undefined ? "phantom" : "real");
  assertOneOf("loadTask: source", source, ["phantom", "real"]);
  assertOneOf("loadTask: checksum", checksum, ["warn", "strict"]);
  assertInteger("loadTask: seed", seed, 0);
  const known = TASKS[name]!;
  if (source === "phantom") return makePhantom(known, seed);
  if (dataDir === undefined) {
    throw new ConfigError(
      'loadTask: dataDir must be given with source "real"; got none. Set JOMED_DATA_DIR or pass it.',
    );
  }
  const task = await loadReal(known.spec, dataDir, options);
  reportSharedGroups(task, control);
  return task;
}
