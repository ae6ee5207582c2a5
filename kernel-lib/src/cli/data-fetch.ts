import { join } from "node:path";
import { ConfigError } from "../base/errors";
import type { Control } from "../base/types";
import { CORPORA } from "../data/corpora/corpora";
import { fetchPublication } from "../data/obtain/fetch-publication";
import type { Download } from "../data/tasks/definition";
import { TASKS } from "../data/tasks/tasks";
import { downloadFile } from "../hub/download";
import { fetchModel } from "../hub/fetch-model";
import { type Publication, type Publisher, pageOf } from "../hub/publishers";
import type { TerminalProgress } from "./terminal-progress";

/** What is to be fetched. */
interface FetchWish {
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
  const task = TASKS.get(name);
  return task ?? { ...CORPORA.get(name)!, downloads: [] };
}

async function fetchFile(wish: FetchWish, { downloads, card }: Source, progress: TerminalProgress, control: Control) {
  const { name, dir, size } = wish;
  const wanted = size === null ? downloads[0] : downloads.find(({ imageSize }) => imageSize === size);
  if (wanted === undefined) {
    const sizes = downloads.map(({ imageSize }) => imageSize);
    throw new ConfigError(`data: --size must be one of ${sizes.join(", ")} for ${name}; got ${size}.`);
  }
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
export async function printFetchedData(wish: FetchWish, progress: TerminalProgress, control: Control): Promise<void> {
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

/** Which model, in which state; null for the hub's main branch. */
interface FetchModelWish {
  readonly name: string;
  readonly revision: string | null;
  /** The data folder; models go to its folder models. */
  readonly dir: string;
}

/** `npm run data -- fetch-model`: fetches a model and says where it is. */
export async function printFetchedModel(
  { name, revision, dir }: FetchModelWish,
  progress: TerminalProgress,
  control: Control,
): Promise<void> {
  const { folder, commit, outcome } = await fetchModel(name, {
    modelsDir: join(dir, "models"),
    control,
    ...(revision === null ? {} : { revision }),
  });
  progress.say(`${name}: ${outcome === "present" ? "already there" : "fetched"}, ${folder}. Commit ${commit}.`);
}
