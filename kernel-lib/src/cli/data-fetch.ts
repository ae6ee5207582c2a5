import { join } from "node:path";
import { ConfigError } from "../base/errors";
import type { Control } from "../base/types";
import { KNOWN_CORPORA } from "../data/corpora/known-corpora";
import { fetchPublication } from "../data/obtain/fetch-publication";
import { KNOWN_TASKS } from "../data/tasks/known-tasks";
import type { Download } from "../data/tasks/task-definition";
import { downloadFile } from "../hub/download";
import { type Publication, type Publisher, pageOf } from "../hub/publishers";
import type { TerminalProgress } from "./terminal-progress";

/** What is to be fetched. */
export interface FetchWish {
  /** A task or a corpus. */
  readonly name: string;
  /** The data folder. */
  readonly dir: string;
  /** MedMNIST: side of the pictures; null for 28. */
  readonly size: number | null;
  /** Which publisher; null for the first. */
  readonly from: Publisher | null;
}

interface Source {
  readonly card: { readonly title: string; readonly licence: string; readonly obtain: string };
  readonly downloads: readonly Download[];
  readonly publications: readonly Publication[];
}

function sourceOf(name: string): Source {
  const task = KNOWN_TASKS.get(name)?.definition;
  const { card, publications = [] } = task ?? KNOWN_CORPORA.get(name)!;
  return { card, downloads: task?.downloads ?? [], publications };
}

async function fetchFile(wish: FetchWish, { downloads, card }: Source, progress: TerminalProgress, control: Control) {
  const { name, dir, size } = wish;
  const ending = size === null || size === 28 ? /mnist\.npz$/ : new RegExp(`_${size}\\.npz$`);
  const wanted = downloads.find(({ file }) => ending.test(file));
  if (wanted === undefined) throw new ConfigError(`data: --size must be 28, 64, 128 or 224 for ${name}; got ${size}.`);
  const file = join(dir, wanted.file);
  const outcome = await downloadFile({
    url: wanted.url,
    file,
    digest: wanted.md5 === null ? null : { kind: "md5", value: wanted.md5 },
    advise: () => "Check the address in data/README.md.",
    control,
  });
  progress.say(`${name}: ${outcome === "present" ? "already there" : "fetched"}, ${file}. Licence: ${card.licence}.`);
}

function choose({ name, from }: FetchWish, publications: readonly Publication[]): Publication {
  const found = from === null ? publications[0] : publications.find((publication) => publication.from === from);
  if (found !== undefined) return found;
  const names = publications.map((publication) => publication.from).join(", ");
  throw new ConfigError(`data: --from must be one of ${names || "none"} for ${name}; got ${from}.`, { name, from });
}

/** `npm run data -- fetch`: fetches a task or corpus and says where it is, or says the steps where it cannot be fetched. */
export async function sayFetchedData(wish: FetchWish, progress: TerminalProgress, control: Control): Promise<void> {
  const { name, dir, from, size } = wish;
  const source = sourceOf(name);
  const { card, downloads, publications } = source;
  if (downloads.length === 0 && size !== null)
    throw new ConfigError(`data: --size goes with MedMNIST tasks only; got ${name}. Leave it out.`);
  if (downloads.length + publications.length === 0) {
    progress.say(`${card.title} is not downloaded by this program. ${card.obtain}`);
    return;
  }
  if (downloads.length > 0 && from === null) return fetchFile(wish, source, progress, control);
  const publication = choose(wish, publications);
  progress.say(`${name}: from ${pageOf(publication)}. Licence: ${card.licence}.`);
  const { folder, outcome, numFiles, bytes } = await fetchPublication(publication, { dataDir: dir, control });
  const extent = `${numFiles} files, ${(bytes / 1e6).toFixed(1)} MB as published`;
  progress.say(`${name}: ${outcome === "present" ? "already there" : "fetched"}, ${folder}, ${extent}.`);
}
