import { createHash } from "node:crypto";
import { createReadStream, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { assertNotInterrupted } from "../base/check";
import { DataError, isKernelError } from "../base/errors";
import { checkpointsFolder } from "../base/paths";
import type { Control } from "../base/types";
import { checkpointFiles } from "../hub/model-files";
import { findModel } from "../hub/models";
import type { Run } from "./run";

/** A pre-trained model on disk, and the hash of everything in it that matters. */
export interface CheckpointFolder {
  readonly folder: string;
  readonly fingerprint: string;
}

interface CheckpointFolderOptions {
  /** Folder of the model, or its name on the hub (`findModel`). Default: the repository's own, in data/checkpoints. */
  readonly named?: string | undefined;
  /** Where fetched models lie. Default data/raw/models. */
  readonly modelsDir?: string;
  readonly control?: Control;
}

const PIECE_BYTES = 4 * 2 ** 20;
/** Hashing less takes less than a second: nothing to report. */
const REPORTED_BYTES = 2 ** 30;

/** Hashes of this process by the state of the files: gigabytes are read once, not at every call. */
const known = new Map<string, string>();

/**
 * The folder of a pre-trained model, one file of weights or shards. Its fingerprint covers every file the model is read from:
 * weights, configuration, tokenizer, processor and chat template.
 *
 * @throws DataError when it holds no model, saying which command makes one, or changes meanwhile. InterruptedError on abort.
 */
export async function checkpointFolder(
  model: "clip" | "qwen2-vl",
  { named, modelsDir, control = {} }: CheckpointFolderOptions = {},
): Promise<CheckpointFolder> {
  const folder =
    named === undefined
      ? join(checkpointsFolder(), model)
      : findModel(named, modelsDir === undefined ? {} : { modelsDir });
  const state = stateOf(folder, listFiles(folder, model));
  let hash = known.get(state.key);
  if (hash === undefined) {
    hash = await hashFiles(folder, state, control);
    if (stateOf(folder, listFiles(folder, model)).key !== state.key)
      throw new DataError(
        `checkpointFolder: ${folder} must stay as it is while it is read; a file changed. Wait until it is complete and try again.`,
        { folder },
      );
    known.set(state.key, hash);
  }
  return { folder, fingerprint: `${model}:${hash.slice(0, 32)}` };
}

/** The pre-trained model of a run, by its folder or name: fetched ones lie below the run's data folder. @throws as checkpointFolder. */
export function checkpointFor(
  { dataDir, control }: Run,
  model: "clip" | "qwen2-vl",
  named: string | undefined,
): Promise<CheckpointFolder> {
  return checkpointFolder(model, { named, modelsDir: join(dataDir, "models"), control });
}

function listFiles(folder: string, model: string): string[] {
  try {
    return checkpointFiles(folder);
  } catch (error) {
    if (!isKernelError(error, "data")) throw error;
    throw new DataError(
      `checkpointFolder: ${folder} must hold a ${model} model; it does not. ${error.message}`,
      { folder, model },
      error,
    );
  }
}

/** Which files, how large together, and a key that changes whenever one of them does. */
interface FolderState {
  readonly files: readonly string[];
  readonly bytes: number;
  readonly key: string;
}

function stateOf(folder: string, files: readonly string[]): FolderState {
  const stats = files.map((file) => statSync(join(folder, file), { bigint: true }));
  const lines = stats.map(({ dev, ino, size, mtimeNs, ctimeNs }, i) =>
    [files[i], dev, ino, size, mtimeNs, ctimeNs].join(" "),
  );
  const bytes = stats.reduce((sum, { size }) => sum + Number(size), 0);
  return { files, bytes, key: [realpathSync(folder), ...lines].join("\n") };
}

async function hashFiles(folder: string, { files, bytes }: FolderState, control: Control): Promise<string> {
  const hash = createHash("sha256");
  let done = 0;
  for (const file of files) {
    hash.update(`${file}\n`);
    for await (const piece of createReadStream(join(folder, file), { highWaterMark: PIECE_BYTES })) {
      assertNotInterrupted("checkpointFolder", control.signal);
      hash.update(piece as Buffer);
      done += (piece as Buffer).length;
      if (bytes >= REPORTED_BYTES) control.onProgress?.({ stage: `fingerprint ${folder}`, done, total: bytes });
    }
  }
  return hash.digest("hex");
}
