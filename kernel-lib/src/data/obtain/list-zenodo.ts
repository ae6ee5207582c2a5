import { askJson } from "../../base/ask-json";
import { DataError } from "../../base/errors";
import { plainPathWithin } from "../../base/path-within";
import type { Control } from "../../base/types";
import type { PublishedFile, PublishedListing } from "./publication";

const ZENODO = "https://zenodo.org";

function toFile(site: string, record: string, entry: unknown): PublishedFile {
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
export async function listZenodo(record: string, site = ZENODO, control: Control = {}): Promise<PublishedListing> {
  const advise = () => `Look at ${site}/records/${record}.`;
  const { json } = await askJson({ where: "listZenodo", url: `${site}/api/records/${record}`, advise, control });
  const files = (json as { files?: unknown } | null)?.files;
  if (!Array.isArray(files)) {
    throw new DataError(`listZenodo: record ${record} must list files; got none. ${advise()}`, { record });
  }
  return { version: record, files: files.map((entry: unknown) => toFile(site, record, entry)) };
}
