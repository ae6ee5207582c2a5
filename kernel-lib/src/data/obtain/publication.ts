import type { FileDigest } from "../../base/file-digest";

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
