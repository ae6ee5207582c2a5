import { ConfigError, DataError } from "../base/errors";
import { plainPathWithin } from "../base/paths";
import type { Control } from "../base/types";
import type { FileDigest } from "../store/files";
import { askJson, type Patience } from "./http";

/** Where models are published, and as whom it is asked. */
export interface Hub extends Patience {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | null;
}

const PUBLIC = "https://huggingface.co";
const LOCAL: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * The hub that the environment names, as the hub's own tools do: HF_ENDPOINT (default https://huggingface.co), HF_TOKEN
 * (default: none) for models whose licence must be accepted.
 *
 * @throws ConfigError when the address is none, or the token would travel unencrypted.
 */
export function openHub(env: Readonly<Record<string, string | undefined>> = process.env): Hub {
  const endpoint = (env["HF_ENDPOINT"] || PUBLIC).replace(/\/+$/, "");
  const token = env["HF_TOKEN"]?.trim() || null;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    throw new ConfigError(
      `openHub: HF_ENDPOINT must be an address such as ${PUBLIC}; got ${JSON.stringify(endpoint)}.`,
    );
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new ConfigError("openHub: HF_TOKEN must be a token of the hub; got other characters. Copy it again.");
  if (token !== null && url.protocol === "http:" && !LOCAL.includes(url.hostname))
    throw new ConfigError(
      `openHub: HF_ENDPOINT must be https where HF_TOKEN is set; got ${endpoint}. Use https or unset HF_TOKEN.`,
      { endpoint },
    );
  return { endpoint, token };
}

/** What to do about an answer of the hub that is no file. */
export function adviseOnHub(hub: Hub, id: string): (response: Response) => string {
  return ({ status, headers }) => {
    const code = headers.get("x-error-code");
    const page = `${hub.endpoint}/${id}`;
    if (code === "GatedRepo" || status === 403 || (status === 401 && code !== "RepoNotFound"))
      return `Accept the licence at ${page} and set HF_TOKEN to a token that may read it.`;
    if (code === "RevisionNotFound") return `Choose one of the revisions at ${page}/tree/main.`;
    if (code === "RepoNotFound" || status === 401 || status === 404)
      return `Check the name at ${page}; a private one needs HF_TOKEN.`;
    return "Try again later.";
  };
}

/** An answer of the hub's interface. */
interface HubAnswer {
  readonly json: unknown;
  /** Address of the next page; null on the last. */
  readonly next: string | null;
}

/**
 * Asks the hub's interface.
 *
 * @throws EnvironmentError when it does not answer, or with another status than 200. DataError when it answers no JSON.
 */
async function askHub(hub: Hub, url: string, id: string, control: Control): Promise<HubAnswer> {
  const advise = adviseOnHub(hub, id);
  const doubt = "Check HF_ENDPOINT.";
  const { json, link } = await askJson({ ...hub, where: "askHub", url, advise, doubt, control });
  return { json, next: nextPage(url, link) };
}

/** The next page, which is asked with the token: of the same origin only. */
function nextPage(url: string, link: string | null): string | null {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return null;
  const next = URL.canParse(target, url) ? new URL(target, url) : null;
  if (next !== null && next.origin === new URL(url).origin) return next.href;
  throw new DataError(`askHub: ${url} must name a next page of the same address; got ${JSON.stringify(target)}.`, {
    target,
  });
}

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
interface HubListingOptions {
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
  { id: name, revision }: { readonly id: string; readonly revision: string | null },
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

/** Whether a path names something below the folder it is relative to, on every system: no drive, no stream of a file. */
const staysInside = (path: string): boolean => plainPathWithin(path) === path && !path.includes(":");

function wrong(url: string, rule: string, value: unknown): DataError {
  const got = JSON.stringify(value)?.slice(0, 120);
  return new DataError(`listHubFiles: ${url} must ${rule}; got ${got}. Do not use it.`, { url, rule });
}
