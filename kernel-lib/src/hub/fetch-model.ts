import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError, StateError } from "../base/errors";
import type { Control } from "../base/types";
import { checkpointFiles, OPTIONAL_FILES, REQUIRED_FILES } from "../models/weights/model-folder";
import { listedShards, WEIGHTS_FILE, WEIGHTS_INDEX } from "../models/weights/weight-files";
import { assertDiskRoom, writeFileAtomic } from "../store/files";
import { adviseOnHub, type Hub, type HubFile, type HubListing, listHubFiles, openHub } from "./client";
import { downloadFile } from "./download";
import { fetchedFolder, fetchedModelsDir, type ModelName, parseModelName } from "./models";

/**
 * Does something that one process at a time may do to a folder. A process that died holds nothing.
 *
 * @param file created while `run` runs; holds the number of the process.
 * @param where who wants what, for the message.
 * @throws StateError when another one is at it.
 */
export async function withFetchLock<T>(
  file: string,
  run: () => Promise<T>,
  where = "fetchModel: the model",
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  take(file, where);
  try {
    return await run();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, where: string): void {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    const owner = Number(readFileSync(file, "utf8"));
    if (isAlive(owner))
      throw new StateError(
        `${where} must not be fetched twice at once; process ${owner} is at it. Wait for it, or delete ${file} if that is another program.`,
        { file, owner },
        cause,
      );
    rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: "wx" });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0); // asks only
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export interface FetchModelOptions {
  /** A branch, a tag or a commit. Default "main". */
  readonly revision?: string;
  /** Where fetched models go. Default data/raw/models. */
  readonly modelsDir?: string;
  /** Default: the one that HF_ENDPOINT and HF_TOKEN name. */
  readonly hub?: Hub;
  readonly control?: Control;
}

/** What was fetched; written beside the model as hub.json. */
export interface FetchedModel {
  readonly id: string;
  readonly revision: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

export const FETCHED_FILE = "hub.json";

/**
 * Fetches a model from the Hugging Face hub: configuration, tokenizer, processor and safetensors, never pickles.
 *
 * Every file is checked by size and digest; the folder stands in its place only when all are there. A call after an interruption
 * goes on where it stopped. A model that is there in the same commit is not fetched again; one whose branch moved is replaced.
 *
 * @returns the folder, and "present" when nothing was fetched.
 * @throws StateError when another process fetches it. EnvironmentError when the hub does not deliver, naming what to do. DataError when what it delivers is wrong, or the
 * model has no safetensors. InterruptedError on abort.
 */
export async function fetchModel(
  name: string,
  { revision, modelsDir = fetchedModelsDir(), hub = openHub(), control = {} }: FetchModelOptions = {},
): Promise<{ readonly folder: string; readonly commit: string; readonly outcome: "present" | "fetched" }> {
  const model = parseModelName("fetchModel", name, revision);
  const listing = await listHubFiles(hub, model, control);
  const folder = fetchedFolder(modelsDir, model);
  const { commit } = listing;
  if (isWhole(folder, commit)) return { folder, commit, outcome: "present" };
  await withFetchLock(`${folder}.lock`, () => fetchAll({ hub, model, listing, folder, control }));
  return { folder, commit, outcome: "fetched" };
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
  mkdirSync(draft, { recursive: true });
  const parts = partsOf(model, listing);
  for (const file of parts) await take(file);
  const weights = weightsOf(model, listing, draft);
  assertRoom(draft, weights);
  for (const file of weights) await take(file);
  checkpointFiles(draft); // complete, or it says what is missing
  const files = [...parts, ...weights];
  const fetched: FetchedModel = { id: model.id, revision: model.revision ?? "main", commit, files };
  writeFileAtomic(join(draft, FETCHED_FILE), `${JSON.stringify(fetched, null, 2)}\n`);
  replace(draft, folder);
  removeDrafts(folder);
}

/** What hub.json says of a fetched model; null where there is none to read. */
export function readFetched(folder: string): FetchedModel | null {
  try {
    return JSON.parse(readFileSync(join(folder, FETCHED_FILE), "utf8")) as FetchedModel;
  } catch {
    return null; // another folder, or a damaged one: it is fetched anew
  }
}

function isWhole(folder: string, commit: string): boolean {
  const held = readFetched(folder);
  if (held?.commit !== commit || !Array.isArray(held.files)) return false;
  return held.files.every(({ path, bytes }) => statSync(join(folder, path), { throwIfNoEntry: false })?.size === bytes);
}

/** Everything but the weights, and the index of shards. */
function partsOf(model: ModelName, { files }: HubListing): HubFile[] {
  const listed = (name: string): HubFile[] => files.filter(({ path }) => path === name);
  const isSingle = listed(WEIGHTS_FILE).length > 0;
  if (!isSingle && listed(WEIGHTS_INDEX).length === 0) {
    const others = files.map(({ path }) => path).filter((path) => /\.(bin|pt|pth|ckpt|h5|msgpack|gguf)$/.test(path));
    throw new DataError(
      `fetchModel: ${model.id} must hold ${WEIGHTS_FILE} or ${WEIGHTS_INDEX}; got ${others.join(", ") || "no weights"}. Load it with transformers and save it with safetensors, or choose another revision.`,
      { id: model.id, others },
    );
  }
  for (const name of REQUIRED_FILES)
    if (listed(name).length === 0)
      throw new DataError(`fetchModel: ${model.id} must hold ${name}; there is none. Check the name.`, { name });
  return [...REQUIRED_FILES, ...OPTIONAL_FILES, ...(isSingle ? [] : [WEIGHTS_INDEX])].flatMap(listed);
}

function weightsOf(model: ModelName, { files }: HubListing, draft: string): HubFile[] {
  const names = existsSync(join(draft, WEIGHTS_INDEX)) ? listedShards(draft) : [WEIGHTS_FILE];
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

/** Puts a complete folder in its place; an older one gives way. */
function replace(draft: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const old = `${folder}.${randomUUID()}.old`;
  const isThere = existsSync(folder);
  if (isThere) renameSync(folder, old);
  renameSync(draft, folder);
  if (isThere) rmSync(old, { recursive: true, force: true });
}

/** What interrupted fetches of other commits of the same revision left. */
function removeDrafts(folder: string): void {
  const name = basename(folder);
  for (const entry of readdirSync(dirname(folder)))
    if (entry.startsWith(name) && /^\.[0-9a-f]{12}\.part$/.test(entry.slice(name.length)))
      rmSync(join(dirname(folder), entry), { recursive: true, force: true });
}
