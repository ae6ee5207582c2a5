import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError } from "../base/errors";
import type { Control } from "../base/types";
import { assertDiskRoom, makeFolder, writeFileAtomic } from "../store/files";
import { lockFileOf, placeFolder } from "../store/folder";
import { withLock } from "../store/lock";
import { adviseOnHub, type Hub, type HubFile, type HubListing, listHubFiles, openHub } from "./client";
import { downloadFile } from "./download";
import {
  checkpointFiles,
  listedShards,
  MODEL_FILES,
  OPEN_CLIP_WEIGHTS,
  OPTIONAL_FILES,
  WEIGHTS_FILE,
  WEIGHTS_INDEX,
} from "./model-files";
import {
  FETCHED_FILE,
  type FetchedModel,
  fetchedFolder,
  fetchedModelsDir,
  type ModelName,
  parseModelName,
  readFetched,
} from "./models";

export interface FetchModelOptions {
  /** A branch, a tag or a commit. Default "main". */
  readonly revision?: string;
  /** Where fetched models go. Default data/raw/models. */
  readonly modelsDir?: string;
  /** Default: the one that HF_ENDPOINT and HF_TOKEN name. */
  readonly hub?: Hub;
  readonly control?: Control;
}

/**
 * Fetches a model from the Hugging Face hub: configuration, tokenizer, processor and safetensors, never pickles.
 *
 * Every file is checked by size and digest; the folder stands in its place only when all are there. A call after an interruption
 * goes on where it stopped. A model that is there in the same commit is not fetched again; one whose branch moved is replaced.
 *
 * @returns the folder, and "present" when nothing was fetched.
 * @throws StateError when another process fetches it. EnvironmentError when the hub does not deliver, naming what to do. DataError
 * when what it delivers is wrong, or the model has no safetensors. InterruptedError on abort.
 */
export async function fetchModel(
  name: string,
  { revision, modelsDir = fetchedModelsDir(), hub = openHub(), control = {} }: FetchModelOptions = {},
): Promise<{ readonly folder: string; readonly commit: string; readonly outcome: "present" | "fetched" }> {
  const model = parseModelName("fetchModel", name, revision);
  const listing = await listHubFiles(hub, model, control);
  const folder = fetchedFolder(modelsDir, model);
  const { commit } = listing;
  if (isComplete(folder, commit)) return { folder, commit, outcome: "present" };
  const fetchIt = async () => {
    if (isComplete(folder, commit)) return "present"; // another process ended between our look and our lock
    await fetchAll({ hub, model, listing, folder, control });
    return "fetched";
  };
  const lock = { where: "fetchModel", what: `the model ${model.id}`, whenHeld: "refuse", control } as const;
  return { folder, commit, outcome: await withLock(lockFileOf(folder), fetchIt, lock) };
}

interface FetchWork {
  readonly hub: Hub;
  readonly model: ModelName;
  readonly listing: HubListing;
  readonly folder: string;
  readonly control: Control;
}

/** Fetches into a draft beside the folder and puts it in its place. */
async function fetchAll({ hub, model, listing, folder, control }: FetchWork): Promise<void> {
  const { commit } = listing;
  const draft = `${folder}.${commit.slice(0, 12)}.part`;
  const take = (file: HubFile) => fetchFile({ hub, model, commit, file, draft, control });
  makeFolder(draft);
  const parts = partsOf(model, listing);
  for (const file of parts) await take(file);
  const weights = weightsOf(model, listing, draft);
  assertRoom(draft, weights);
  for (const file of weights) await take(file);
  checkpointFiles(draft); // complete, or it says what is missing
  const files = [...parts, ...weights];
  const fetched: FetchedModel = { id: model.id, revision: model.revision ?? "main", commit, files };
  writeFileAtomic(join(draft, FETCHED_FILE), `${JSON.stringify(fetched, null, 2)}\n`);
  await placeFolder(draft, folder);
  removeDrafts(folder);
}

function isComplete(folder: string, commit: string): boolean {
  const held = readFetched(folder);
  if (held?.commit !== commit) return false;
  return held.files.every(({ path, bytes }) => statSync(join(folder, path), { throwIfNoEntry: false })?.size === bytes);
}

/** The configuration and the one file of weights, null where there are shards or none: of transformers' layout, else of open_clip's. */
function layoutOf(files: HubListing["files"]): readonly [config: string, weights: string | null] {
  const first = (names: readonly string[]) => names.find((name) => files.some(({ path }) => path === name)) ?? null;
  const config = first([MODEL_FILES.config, MODEL_FILES.openClip]) ?? MODEL_FILES.config;
  return [config, first(config === MODEL_FILES.openClip ? OPEN_CLIP_WEIGHTS : [WEIGHTS_FILE])];
}

/** Everything but the weights, and the index of shards. */
function partsOf(model: ModelName, { files }: HubListing): HubFile[] {
  const listed = (name: string): HubFile[] => files.filter(({ path }) => path === name);
  const [name, single] = layoutOf(files);
  const isSingle = single !== null;
  if (!isSingle && listed(WEIGHTS_INDEX).length === 0) {
    const others = files.map(({ path }) => path).filter((path) => /\.(bin|pt|pth|ckpt|h5|msgpack|gguf)$/.test(path));
    throw new DataError(
      `fetchModel: ${model.id} must hold ${WEIGHTS_FILE} or ${WEIGHTS_INDEX}; got ${others.join(", ") || "no weights"}. Load it with transformers and save it with safetensors, or choose another revision.`,
      { id: model.id, others },
    );
  }
  if (listed(name).length === 0)
    throw new DataError(`fetchModel: ${model.id} must hold ${name}; there is none. Check the name.`, { name });
  return [name, ...OPTIONAL_FILES, ...(isSingle ? [] : [WEIGHTS_INDEX])].flatMap(listed);
}

function weightsOf(model: ModelName, { files }: HubListing, draft: string): HubFile[] {
  const names = existsSync(join(draft, WEIGHTS_INDEX)) ? listedShards(draft) : [layoutOf(files)[1]!];
  return names.map((name) => {
    const file = files.find(({ path }) => path === name);
    if (file !== undefined) return file;
    throw new DataError(
      `fetchModel: ${model.id} must hold ${name}, which its index lists; there is none. Choose another revision.`,
      { name },
    );
  });
}

interface FileWork {
  readonly hub: Hub;
  readonly model: ModelName;
  readonly commit: string;
  readonly file: HubFile;
  readonly draft: string;
  readonly control: Control;
}

async function fetchFile({ hub, model, commit, file, draft, control }: FileWork): Promise<void> {
  const { path, bytes, digest } = file;
  await downloadFile({
    ...hub,
    url: `${hub.endpoint}/${model.id}/resolve/${commit}/${encodeURIComponent(path)}`,
    file: join(draft, path),
    bytes,
    digest,
    stage: `${model.id} ${path}`,
    advise: adviseOnHub(hub, model.id),
    control,
  });
}

/** Throws EnvironmentError when the disk cannot hold what is still to come. */
function assertRoom(folder: string, files: readonly HubFile[]): void {
  const needed = files.filter(({ path }) => !existsSync(join(folder, path))).reduce((sum, { bytes }) => sum + bytes, 0);
  assertDiskRoom("fetchModel", folder, needed, "name another folder with --dir");
}

/** What interrupted fetches of other commits of the same revision left. */
function removeDrafts(folder: string): void {
  const name = basename(folder);
  for (const entry of readdirSync(dirname(folder)))
    if (entry.startsWith(name) && /^\.[0-9a-f]{12}\.part$/.test(entry.slice(name.length)))
      rmSync(join(dirname(folder), entry), { recursive: true, force: true });
}
