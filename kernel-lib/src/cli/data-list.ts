import { existsSync } from "node:fs";
import { join } from "node:path";
import { CORPORA } from "../data/corpora/corpora";
import { FETCHED_DATA_FILE } from "../data/obtain/fetch-publication";
import { TASKS } from "../data/tasks/tasks";
import { listModels } from "../hub/models";
import { lockFileOf } from "../store/folder";
import { lockHolder } from "../store/lock";
import type { TerminalProgress } from "./terminal-progress";

/** What a line of the list is made of; tasks and corpora alike. */
interface Listed {
  readonly name: string;
  readonly access: "open" | "credentialed";
  readonly layout: readonly string[];
  readonly downloads?: readonly { readonly file: string }[];
  readonly publications: readonly { readonly folder: string }[];
  readonly card: { readonly licence: string };
}

/** Whether files are found, without reading them. */
async function placeOf({ downloads = [], layout, publications }: Listed, dir: string): Promise<string> {
  const files = downloads.filter(({ file }) => existsSync(join(dir, file)));
  if (files.length > 0) return `here: ${files.map(({ file }) => file).join(", ")}`;
  if (downloads.length > 0) return "missing";
  const folders = [
    ...new Set([...layout.map((path) => path.split("/")[0]!), ...publications.map(({ folder }) => folder)]),
  ];
  const here = folders.filter((folder) => existsSync(join(dir, folder)));
  if (here.length === 0) return "missing";
  const holders = await Promise.all(here.map((folder) => lockHolder(lockFileOf(join(dir, folder)))));
  const isHalf = publications.length > 0 && holders.every((holder) => holder !== null);
  const isFetched = here.some((folder) => existsSync(join(dir, folder, FETCHED_DATA_FILE)));
  const state = isHalf ? "being fetched" : isFetched ? "fetched; look with check" : "look with check";
  return `here: ${here.map((folder) => `${folder}/`).join(", ")} (${state})`;
}

function wayOf({ name, access, downloads = [], publications }: Listed): string {
  if (access === "credentialed") return "PhysioNet login";
  return downloads.length > 0 || publications.length > 0 ? `fetch ${name}` : "by hand";
}

/** `npm run data -- list`: a line for every task and corpus. */
export async function printData(dir: string, progress: TerminalProgress): Promise<void> {
  const tasks: readonly Listed[] = [...TASKS.values()];
  const corpora: readonly Listed[] = [...CORPORA.values()];
  progress.say(`data folder: ${dir}`);
  for (const [heading, list] of [
    ["tasks", tasks],
    ["corpora", corpora],
  ] as const) {
    progress.say(`${heading}:`);
    for (const entry of list) {
      const place = await placeOf(entry, dir);
      progress.say(`${entry.name.padEnd(13)} ${place}; ${entry.card.licence}; get it: ${wayOf(entry)}`);
    }
  }
}

/** `npm run data -- list-models`: a line for every model on this machine. */
export function printModels(dir: string, progress: TerminalProgress): void {
  const models = listModels(join(dir, "models"));
  progress.say(`models folder: ${join(dir, "models")}${models.length === 0 ? ", no model" : ""}`);
  for (const { name, revision, type, bytes, folder } of models) {
    const size = bytes === null ? "not complete" : `${(bytes / 1e6).toFixed(1)} MB`;
    progress.say(`${name}${revision === null ? "" : `@${revision}`}  ${type ?? "no model_type"}, ${size}, ${folder}`);
  }
}
