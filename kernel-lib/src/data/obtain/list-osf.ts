import { askJson } from "../../base/ask-json";
import { DataError } from "../../base/errors";
import { plainPathWithin } from "../../base/path-within";
import type { Control } from "../../base/types";
import type { PublishedFile, PublishedListing, PublisherAddresses } from "./publication";

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

function toFile(node: string, { attributes, links }: Item, origins: readonly string[]): PublishedFile {
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
export async function listOsf(
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
      } else files.push(toFile(node, item ?? {}, osfFiles));
    }
    if (typeof links?.next === "string") open.push(within(node, links.next, [origin]));
  }
  return { version: null, files };
}
