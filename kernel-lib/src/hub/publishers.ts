import { DataError } from "../base/errors";
import { plainPathWithin } from "../base/paths";
import type { Control } from "../base/types";
import type { FileDigest } from "../store/files";
import { adviseOnHub, type Hub, listHubFiles } from "./client";
import { downloadFile } from "./download";
import { askJson } from "./http";

/** Where a data set is published so that it can be fetched. */
export const PUBLISHERS = ["hugging-face", "zenodo", "osf"] as const;
export type Publisher = (typeof PUBLISHERS)[number];

/** A data set at one publisher. */
export interface Publication {
  readonly from: Publisher;
  /** "owner/name", the number of a record, or the five letters of a project. */
  readonly id: string;
  /** Which of its files are wanted, by their path; each of these must be found. */
  readonly wanted: readonly RegExp[];
  /** Where they go, within the data folder. */
  readonly folder: string;
  /** Archives among them, by their path, and the folder within `folder` that each is unpacked to. It is then deleted. */
  readonly unpack?: Readonly<Record<string, string>>;
}

/** A file of a publication. */
export interface PublishedFile {
  /** Relative to the publication, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** As the publisher states it; null where none is stated. */
  readonly digest: FileDigest | null;
  readonly url: string;
}

/** A publication's files in one state. */
export interface PublishedListing {
  /** What names the state: a commit, or the record; null where the publisher names none. */
  readonly version: string | null;
  readonly files: readonly PublishedFile[];
}

/** Addresses of the publishers that are not the hub; replaced by tests. */
export interface PublisherAddresses {
  /** Default https://zenodo.org. */
  readonly zenodo?: string;
  /** The interface of OSF. Default https://api.osf.io/v2. */
  readonly osf?: string;
  /** Where OSF's files come from. Default https://osf.io and https://files.osf.io. */
  readonly osfFiles?: readonly string[];
}

/** The page of a publication, for people. */
export function pageOf({ from, id }: Pick<Publication, "from" | "id">): string {
  if (from === "hugging-face") return `https://huggingface.co/datasets/${id}`;
  return from === "zenodo" ? `https://zenodo.org/records/${id}` : `https://osf.io/${id}`;
}

const API = "https://api.osf.io/v2";
const FILES: readonly string[] = ["https://osf.io", "https://files.osf.io"];
const MOST_PAGES = 500;

interface Item {
  readonly attributes?: {
    readonly kind?: unknown;
    readonly size?: unknown;
    readonly materialized_path?: unknown;
    readonly extra?: { readonly hashes?: { readonly sha256?: unknown } };
  };
  readonly links?: { readonly download?: unknown };
  readonly relationships?: { readonly files?: { readonly links?: { readonly related?: { readonly href?: unknown } } } };
}

function refuse(node: string, rule: string, value: unknown): never {
  const got = JSON.stringify(value)?.slice(0, 120) ?? "none";
  throw new DataError(
    `listOsf: project ${node} must ${rule}; got ${got}. Get it by hand from https://osf.io/${node}.`,
    {
      node,
      rule,
    },
  );
}

/** An address of OSF's answer, if it is one of these origins'. */
function within(node: string, value: unknown, origins: readonly string[]): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : null;
  return url !== null && origins.includes(url.origin)
    ? url.href
    : refuse(node, `lead to ${origins.join(" or ")}`, value);
}

function osfFile(node: string, { attributes, links }: Item, origins: readonly string[]): PublishedFile {
  const path = typeof attributes?.materialized_path === "string" ? attributes.materialized_path.replace(/^\//, "") : "";
  const sha256 = attributes?.extra?.hashes?.sha256;
  const isDigest = typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
  if (plainPathWithin(path) !== path) refuse(node, "list paths inside its folder", attributes?.materialized_path);
  if (!Number.isSafeInteger(attributes?.size)) refuse(node, `list the size of ${path}`, attributes?.size);
  if (!isDigest) refuse(node, `list the sha256 of ${path}`, sha256);
  const digest = { kind: "sha256", value: sha256 as string } as const;
  return { path, bytes: attributes!.size as number, digest, url: within(node, links?.download, origins) };
}

/**
 * The files of an OSF project's own storage, folders within too, with the sizes and sha256 that it states.
 *
 * @throws EnvironmentError when it does not answer. DataError when its answer is not what it should be, or leads elsewhere.
 */
async function listOsf(
  node: string,
  { osf = API, osfFiles = FILES }: PublisherAddresses = {},
  control: Control = {},
): Promise<PublishedListing> {
  const { origin } = new URL(osf);
  const files: PublishedFile[] = [];
  const open = [`${osf}/nodes/${node}/files/osfstorage/?page%5Bsize%5D=100`];
  for (let page = 0; open.length > 0; page++) {
    if (page === MOST_PAGES) refuse(node, `have at most ${MOST_PAGES} pages of files`, "more");
    const url = open.shift()!;
    const { json } = await askJson({ where: "listOsf", url, advise: () => `Look at https://osf.io/${node}.`, control });
    const { data, links } = (json ?? {}) as { data?: unknown; links?: { next?: unknown } };
    if (!Array.isArray(data)) return refuse(node, "list files", data);
    for (const item of data as Item[]) {
      if (item?.attributes?.kind === "folder") {
        open.push(within(node, item.relationships?.files?.links?.related?.href, [origin]));
      } else files.push(osfFile(node, item ?? {}, osfFiles));
    }
    if (typeof links?.next === "string") open.push(within(node, links.next, [origin]));
  }
  return { version: null, files };
}

const ZENODO = "https://zenodo.org";

function zenodoFile(site: string, record: string, entry: unknown): PublishedFile {
  const { key, size, checksum } = (entry ?? {}) as Record<string, unknown>;
  const md5 = typeof checksum === "string" ? (/^md5:([0-9a-f]{32})$/.exec(checksum)?.[1] ?? null) : null;
  if (typeof key !== "string" || plainPathWithin(key) !== key || !Number.isSafeInteger(size) || md5 === null) {
    const got = JSON.stringify(entry)?.slice(0, 120);
    throw new DataError(
      `listZenodo: record ${record} must list files with key, size and md5; got ${got}. Get it by hand from ${site}/records/${record}.`,
      { record },
    );
  }
  const url = `${site}/records/${record}/files/${encodeURIComponent(key)}?download=1`;
  return { path: key, bytes: size as number, digest: { kind: "md5", value: md5 }, url };
}

/**
 * The files of a Zenodo record, with the sizes and MD5 that it states.
 *
 * @throws EnvironmentError when it does not answer. DataError when its answer is not what it should be.
 */
async function listZenodo(record: string, site = ZENODO, control: Control = {}): Promise<PublishedListing> {
  const advise = () => `Look at ${site}/records/${record}.`;
  const { json } = await askJson({ where: "listZenodo", url: `${site}/api/records/${record}`, advise, control });
  const files = (json as { files?: unknown } | null)?.files;
  if (!Array.isArray(files)) {
    throw new DataError(`listZenodo: record ${record} must list files; got none. ${advise()}`, { record });
  }
  return { version: record, files: files.map((entry: unknown) => zenodoFile(site, record, entry)) };
}

/** Whom to ask, and how. */
interface PublicationOptions {
  readonly hub: Hub;
  readonly addresses?: PublisherAddresses;
  readonly control?: Control;
}

/** The files of a publication in its present state. @throws as `listHubFiles`, `listZenodo` and `listOsf`. */
export async function listPublication(
  { from, id }: Pick<Publication, "from" | "id">,
  { hub, addresses = {}, control = {} }: PublicationOptions,
): Promise<PublishedListing> {
  if (from === "zenodo") return listZenodo(id, addresses.zenodo, control);
  if (from === "osf") return listOsf(id, addresses, control);
  const kind = { kind: "datasets", depth: "all" } as const;
  const { commit, files } = await listHubFiles(hub, { id, revision: null }, control, kind);
  const address = (path: string) => path.split("/").map(encodeURIComponent).join("/");
  const url = (path: string) => `${hub.endpoint}/datasets/${id}/resolve/${commit}/${address(path)}`;
  return { version: commit, files: files.map((file) => ({ ...file, url: url(file.path) })) };
}

/** Downloads one file of a publication to `place`. The hub's token goes to the hub alone. @throws as `downloadFile`. */
export async function downloadPublished(
  { from, id }: Pick<Publication, "from" | "id">,
  { url, path, bytes, digest }: PublishedFile,
  place: string,
  { hub, control = {} }: PublicationOptions,
): Promise<void> {
  const isOfHub = from === "hugging-face";
  await downloadFile({
    ...hub,
    url,
    file: place,
    bytes,
    digest,
    stage: `${id} ${path}`,
    token: isOfHub ? hub.token : null,
    advise: isOfHub ? adviseOnHub(hub, `datasets/${id}`) : () => `Look at ${pageOf({ from, id })}.`,
    control,
  });
}
