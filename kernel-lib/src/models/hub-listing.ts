import { posix } from "node:path";
import { DataError } from "../base/errors";
import type { FileDigest } from "../base/file-digest";
import type { Control } from "../base/types";
import { askHub, type Hub } from "./hub";
import type { ModelName } from "./model-name";

/** A file of a model or data set, as the hub lists it. */
export interface HubFile {
  /** Relative to its folder, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly digest: FileDigest;
}

/** The files of a model or data set in one state. */
export interface HubListing {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const MOST_PAGES = 100;

/** What is listed; every option has a default. */
export interface HubListingOptions {
  /** Default "models". */
  readonly kind?: "models" | "datasets";
  /** Only what stands at the top (default), or everything below it too. */
  readonly depth?: "top" | "all";
}

/**
 * Lists the files of a model or a data set.
 *
 * @throws EnvironmentError when it or its revision is not there or not open to the caller. DataError when the listing is not
 * what it should be, or a path in it climbs out of the folder.
 */
export async function listHubFiles(
  hub: Hub,
  { id: name, revision }: Pick<ModelName, "id" | "revision">,
  control: Control = {},
  { kind = "models", depth = "top" }: HubListingOptions = {},
): Promise<HubListing> {
  const id = kind === "models" ? name : `${kind}/${name}`; // as pages of the hub are called
  const base = `${hub.endpoint}/api/${kind}/${name}`;
  const address = `${base}/revision/${encodeURIComponent(revision ?? "main")}`;
  const { json } = await askHub(hub, address, id, control);
  const commit = (json as { sha?: unknown } | null)?.sha;
  if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) throw wrong(address, "name a commit", commit);
  const files: HubFile[] = [];
  let next: string | null = `${base}/tree/${commit}${depth === "all" ? "?recursive=true" : ""}`;
  for (let page = 0; next !== null; page++) {
    if (page === MOST_PAGES) throw wrong(base, `have at most ${MOST_PAGES} pages of files`, "more");
    const url: string = next;
    const answer = await askHub(hub, url, id, control);
    if (!Array.isArray(answer.json)) throw wrong(url, "list files", answer.json);
    files.push(...answer.json.flatMap((entry: unknown) => toFiles(url, entry)));
    next = answer.next;
  }
  return { commit, files };
}

function toFiles(url: string, entry: unknown): HubFile[] {
  const { type, path, size, oid, lfs } = (entry ?? {}) as Record<string, unknown>;
  if (typeof path !== "string" || !staysInside(path)) throw wrong(url, "list paths inside its folder", path);
  if (type === "directory") return [];
  const large = (lfs ?? null) as { oid?: unknown; size?: unknown } | null;
  const bytes = large?.size ?? size;
  const value = large === null ? oid : large.oid;
  const digits = large === null ? 40 : 64;
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0)
    throw wrong(url, `list the size of ${path}`, bytes);
  if (typeof value !== "string" || !new RegExp(`^[0-9a-f]{${digits}}$`).test(value))
    throw wrong(url, `list the digest of ${path}, ${digits} hexadecimal digits`, value);
  return [{ path, bytes, digest: { kind: large === null ? "gitBlob" : "sha256", value } }];
}

/** Whether a path names something below the folder it is relative to, on every system. */
function staysInside(path: string): boolean {
  const isPlain = path !== "" && !/[\\:\0]/.test(path) && !path.startsWith("/");
  return isPlain && posix.normalize(path) === path && !path.split("/").includes("..");
}

function wrong(url: string, rule: string, value: unknown): DataError {
  const got = JSON.stringify(value)?.slice(0, 120);
  return new DataError(`listHubFiles: ${url} must ${rule}; got ${got}. Do not use it.`, { url, rule });
}
