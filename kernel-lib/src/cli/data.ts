import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assertOneOf } from "../base/check";
import { downloadFile } from "../base/download";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/repository-root";
import type { Control, Split } from "../base/types";
import { writeFileAtomic } from "../base/write-atomic";
import { taskCard, withTaskCards } from "../data/obtain/data-card";
import { KNOWN_TASKS, type KnownTask } from "../data/tasks/known-tasks";
import { loadTask, TASK_NAMES } from "../data/tasks/load-task";
import { sayFetchedModel, sayModels } from "./data-models";
import { runCommand } from "./run-command";
import { createTerminalProgress, type LineStream, type TerminalProgress, terminalControl } from "./terminal-progress";

const VERBS = ["list", "fetch", "check", "card", "fetch-model", "list-models"] as const;
type Verb = (typeof VERBS)[number];

const HELP = `npm run data -- list | fetch <task> | check <task> | card <task> [--dir DIR] [--size N] [--write]
npm run data -- list-models | fetch-model <owner/name> [--revision R] [--dir DIR]
list    which tasks there are, which of their files are here, licence, how to get them
fetch   downloads a task's file (MedMNIST: --size 28, 64, 128 or 224), or says the steps where a login is needed
check   reads a task's files as the notebooks would, and says what is in them or what is wrong
card    the data card of a task; card --write brings the cards of data/README.md up to date
fetch-model  downloads a model from the Hugging Face hub (HF_ENDPOINT; HF_TOKEN for gated ones) to DIR/models
list-models  which models are there, in DIR/models and in JOMED_MODELS_DIR
DIR     default: JOMED_DATA_DIR, else data/raw. Tasks: ${TASK_NAMES.join(", ")}.`;

interface Options {
  readonly verb: Verb;
  readonly task: string | null;
  readonly dir: string;
  readonly size: number | null;
  readonly isWriting: boolean;
  readonly model: string | null;
  readonly revision: string | null;
}

const KNOWN = {
  dir: { type: "string" },
  size: { type: "string" },
  revision: { type: "string" },
  write: { type: "boolean" },
  help: { type: "boolean" },
} as const;

function parseWords(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: KNOWN, allowPositionals: true });
  } catch (error) {
    const advice = "Use --dir, --size, --revision, --write or --help.";
    throw new ConfigError(`${(error as Error).message} ${advice}`, {}, error);
  }
}

function readOptions(argv: readonly string[]): Options | "help" {
  const { values, positionals } = parseWords(argv);
  const [verb, word = null, ...rest] = positionals;
  if (values.help === true || verb === undefined) return "help";
  assertOneOf("data: the first word", verb, VERBS);
  const isOfModels = verb === "fetch-model" || verb === "list-models";
  const task = isOfModels ? null : word;
  if (task !== null) assertOneOf("data: the task", task, TASK_NAMES);
  const needsWord = ["fetch", "check", "fetch-model"].includes(verb) || (verb === "card" && values.write !== true);
  if (rest.length > 0 || (needsWord && word === null) || (verb === "list-models" && word !== null)) {
    const rule = verb === "list-models" ? "nothing else" : isOfModels ? "one model, owner/name" : "one task";
    throw new ConfigError(`data: ${verb} must name ${rule}; got ${positionals.slice(1).join(" ") || "none"}.\n${HELP}`);
  }
  if (values.revision !== undefined && verb !== "fetch-model")
    throw new ConfigError(`data: --revision goes with fetch-model only; got ${verb}. Leave it out.`);
  const size = values.size === undefined ? null : Number(values.size);
  const named = process.env["JOMED_DATA_DIR"];
  const dir = values.dir ?? (named === undefined || named === "" ? join(repositoryRoot(), "data", "raw") : named);
  const model = isOfModels ? word : null;
  return { verb, task, dir, size, isWriting: values.write === true, model, revision: values.revision ?? null };
}

/** Whether a task's files are found, without reading them. */
function placeOf({ definition }: KnownTask, dir: string): string {
  const { downloads, layout } = definition;
  const here = downloads.filter(({ file }) => existsSync(join(dir, file)));
  if (here.length > 0) return `here: ${here.map(({ file }) => file).join(", ")}`;
  const folder = layout[0]!.split("/")[0]!;
  if (downloads.length === 0 && existsSync(join(dir, folder))) return `here: ${folder}/ (look with check)`;
  return "missing";
}

function list(dir: string, progress: TerminalProgress): void {
  progress.say(`data folder: ${dir}`);
  for (const task of KNOWN_TASKS.values()) {
    const { name, access, downloads, card } = task.definition;
    const way = access === "credentialed" ? "PhysioNet login" : downloads.length > 0 ? `fetch ${name}` : "by hand";
    progress.say(`${name.padEnd(13)} ${placeOf(task, dir)}; ${card.licence}; get it: ${way}`);
  }
}

async function fetchTask(
  { definition }: KnownTask,
  { dir, size }: Options,
  progress: TerminalProgress,
  control: Control,
) {
  const { downloads, card, name } = definition;
  if (downloads.length === 0) {
    progress.say(`${card.title} is not downloaded by this program. ${card.obtain}`);
    return;
  }
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

async function check(
  name: string,
  { dir, size }: Options,
  progress: TerminalProgress,
  control: Control,
): Promise<void> {
  const task = await loadTask(name, {
    source: "real",
    dataDir: dir,
    control,
    ...(size === null ? {} : { imageSize: size }),
  });
  for (const split of ["train", "validation", "test"] as Split[]) {
    const examples = task.splits[split];
    const counts = task.labels.map(({ index, name: label }) => {
      return `${label} ${examples.filter(({ labels }) => labels.includes(index)).length}`;
    });
    progress.say(`${split}: ${examples.length} examples; ${counts.join(", ")}`);
  }
  progress.say(`${name}: sound. Fingerprint ${task.fingerprint}`);
}

function card(task: string | null, isWriting: boolean, progress: TerminalProgress): void {
  if (task !== null) progress.say(taskCard(KNOWN_TASKS.get(task)!));
  if (!isWriting) return;
  const file = join(repositoryRoot(), "data", "README.md");
  writeFileAtomic(file, withTaskCards(readFileSync(file, "utf8")));
  progress.say(`written: ${file}`);
}

async function run(options: Options, progress: TerminalProgress, control: Control): Promise<void> {
  const { verb, task, dir, isWriting } = options;
  if (verb === "list") list(dir, progress);
  else if (verb === "list-models") sayModels(dir, progress);
  else if (verb === "fetch-model")
    await sayFetchedModel({ name: options.model!, revision: options.revision, dir }, progress, control);
  else if (verb === "card") card(task, isWriting, progress);
  else if (verb === "fetch") await fetchTask(KNOWN_TASKS.get(task!)!, options, progress, control);
  else await check(task!, options, progress, control);
}

/** Says what data there is, gets it, and checks it. @returns the exit code. */
export async function main(argv: readonly string[], stream: LineStream = process.stdout): Promise<number> {
  const progress = createTerminalProgress(stream);
  return runCommand("data", progress, async (signal) => {
    const options = readOptions(argv);
    if (options === "help") progress.say(HELP);
    else await run(options, progress, terminalControl(progress, signal));
    return 0;
  });
}

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
