import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { Control } from "../base/types";
import { CORPORA } from "../data/corpora/corpora";
import { TASKS } from "../data/tasks/tasks";
import { defaultDataDir } from "../experiments/run";
import { PUBLISHERS, type Publisher } from "../hub/publishers";
import { writeFileAtomic } from "../store/files";
import { readWords, runCommand } from "./command";
import { corpusCard, taskCard, withCards } from "./data-card";
import { printCheckedData } from "./data-check";
import { printFetchedData, printFetchedModel } from "./data-fetch";
import { printData, printModels } from "./data-list";
import { createTerminalProgress, type LineStream, type TerminalProgress, terminalControl } from "./terminal-progress";

const VERBS = ["list", "fetch", "check", "card", "fetch-model", "list-models"] as const;
type Verb = (typeof VERBS)[number];

const [TASK_NAMES, CORPUS_NAMES] = [[...TASKS.keys()], [...CORPORA.keys()]];
const DATA_NAMES: readonly string[] = [...TASK_NAMES, ...CORPUS_NAMES];

const HELP = `npm run data -- list | fetch <name> | check <name> | card <name> [--dir DIR] [--size N] [--from PUBLISHER] [--write]
npm run data -- list-models | fetch-model <owner/name> [--revision R] [--dir DIR]
list    which tasks and corpora there are, which of their files are here, licence, how to get them
fetch   downloads a task or corpus (MedMNIST: --size 28, 64, 128 or 224), or says the steps where a login is needed
check   reads its files as the notebooks would, and says what is in them or what is wrong, and what to expect of a task
card    its data card; card --write brings the cards of data/README.md up to date
fetch-model  downloads a model from the Hugging Face hub (HF_ENDPOINT; HF_TOKEN for gated ones) to DIR/models
list-models  which models are there, in DIR/models and in JOMED_MODELS_DIR
        A file with another MD5 than the published one is refused; JOMED_CHECKSUM=warn goes on where its content is sound.
DIR     default: JOMED_DATA_DIR, else data/raw. PUBLISHER: ${PUBLISHERS.join(", ")}; default: the first of the card.
Tasks: ${TASK_NAMES.join(", ")}. Corpora: ${CORPUS_NAMES.join(", ")}.`;

interface Options {
  readonly verb: Verb;
  /** A task or a corpus. */
  readonly data: string | null;
  readonly dir: string;
  readonly size: number | null;
  readonly from: Publisher | null;
  readonly isWriting: boolean;
  readonly model: string | null;
  readonly revision: string | null;
}

const KNOWN = {
  dir: { type: "string" },
  size: { type: "string" },
  from: { type: "string" },
  revision: { type: "string" },
  write: { type: "boolean" },
  help: { type: "boolean" },
} as const;

function readOptions(argv: readonly string[]): Options | "help" {
  const { values, positionals } = readWords({ args: [...argv], options: KNOWN, allowPositionals: true }, HELP);
  const [verb, word = null, ...rest] = positionals;
  if (values.help === true || verb === undefined) return "help";
  assertOneOf("data: the first word", verb, VERBS);
  const isOfModels = verb === "fetch-model" || verb === "list-models";
  const data = isOfModels ? null : word;
  if (data !== null) assertOneOf("data: the task or corpus", data, DATA_NAMES);
  const needsWord = ["fetch", "check", "fetch-model"].includes(verb) || (verb === "card" && values.write !== true);
  if (rest.length > 0 || (needsWord && word === null) || (verb === "list-models" && word !== null)) {
    const rule = verb === "list-models" ? "nothing else" : isOfModels ? "one model, owner/name" : "one task or corpus";
    throw new ConfigError(`data: ${verb} must name ${rule}; got ${positionals.slice(1).join(" ") || "none"}.\n${HELP}`);
  }
  if (values.revision !== undefined && verb !== "fetch-model")
    throw new ConfigError(`data: --revision goes with fetch-model only; got ${verb}. Leave it out.`);
  const { from = null } = values;
  if (from !== null) assertOneOf("data: --from", from, PUBLISHERS);
  if (from !== null && verb !== "fetch")
    throw new ConfigError(`data: --from goes with fetch only; got ${verb}. Leave it out.`);
  const size = values.size === undefined ? null : Number(values.size);
  const dir = values.dir ?? defaultDataDir().folder;
  const model = isOfModels ? word : null;
  return { verb, data, dir, size, from, isWriting: values.write === true, model, revision: values.revision ?? null };
}

function printCard(name: string, progress: TerminalProgress): void {
  const corpus = CORPORA.get(name);
  progress.say(corpus === undefined ? taskCard(TASKS.get(name)!) : corpusCard(corpus));
}

/** Brings the cards of data/README.md up to date. */
function writeCards(progress: TerminalProgress): void {
  const file = join(repositoryRoot(), "data", "README.md");
  writeFileAtomic(file, withCards(readFileSync(file, "utf8")));
  progress.say(`written: ${file}`);
}

async function run(options: Options, progress: TerminalProgress, control: Control): Promise<void> {
  const { verb, data, dir, size, from, isWriting } = options;
  if (verb === "list") await printData(dir, progress);
  else if (verb === "list-models") printModels(dir, progress);
  else if (verb === "fetch-model")
    await printFetchedModel({ name: options.model!, revision: options.revision, dir }, progress, control);
  else if (verb === "card") {
    if (data !== null) printCard(data, progress);
    if (isWriting) writeCards(progress);
  } else if (verb === "fetch") await printFetchedData({ name: data!, dir, size, from }, progress, control);
  else await printCheckedData({ name: data!, dir, size }, progress, control);
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
