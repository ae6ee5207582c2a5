import { measureExpectations } from "../analysis/expectations";
import type { Measurement } from "../analysis/measurement";
import { type Control, type Example, SPLITS, type Task } from "../base/types";
import { openBackend } from "../compute/backend";
import { CORPORA } from "../data/corpora/corpora";
import { readPassages } from "../data/corpora/read-passages";
import { checkpointFolder } from "../experiments/checkpoint-folder";
import { loadDualEncoder } from "../models/architectures";
import { encodeImages } from "../models/dual-encoder/encoder";
import { loadTask } from "../phantoms/load-task";
import type { TerminalProgress } from "./terminal-progress";

/** What is to be looked at. */
interface CheckWish {
  /** A task or a corpus. */
  readonly name: string;
  /** The data folder. */
  readonly dir: string;
  /** Tasks: side of the pictures; null for the task's default. */
  readonly size: number | null;
}

/** A row that was left out, and why. */
interface LeftOut {
  readonly place: string;
  readonly reason: string;
}

/** What a reading left out, and which pictures it took though they show nearly nothing. */
interface Oddities {
  readonly broken: LeftOut[];
  readonly flat: string[];
}

const SHOWN = 5;

const shownOf = (places: readonly string[]): string =>
  `${places.slice(0, SHOWN).join("; ")}${places.length > SHOWN ? "; …" : ""}`;

/** What reasons of one kind have in common: names of files and numbers are left out. */
const kindOf = (reason: string): string => reason.split("; got")[0]!.replace(/\S*[\d/]\S*|\S+\.\w+/g, "…");

/** One line a kind of fault, the most frequent first: how often, the first of them in full, and where. */
function sayOddities(progress: TerminalProgress, { broken, flat }: Oddities): void {
  const kinds = new Map<string, LeftOut[]>();
  for (const row of broken) kinds.set(kindOf(row.reason), [...(kinds.get(kindOf(row.reason)) ?? []), row]);
  for (const rows of [...kinds.values()].sort((a, b) => b.length - a.length)) {
    const places = shownOf(rows.map(({ place }) => place));
    progress.say(`broken: ${rows.length} x ${rows[0]!.reason} (${places})`);
  }
  if (flat.length > 0) progress.say(`nearly one value: ${flat.length} x, still read (${shownOf(flat)})`);
}

/** Takes what is said of pictures into a list, and passes all else on. */
function hearing(control: Control, { broken, flat }: Oddities): Control {
  const onWarn: Control["onWarn"] = (code, message, details) => {
    if (code !== "pictures") return control.onWarn?.(code, message, details);
    for (const row of (details["broken"] ?? []) as LeftOut[]) broken.push(row);
    for (const place of (details["flat"] ?? []) as string[]) flat.push(place);
  };
  return { ...control, onWarn };
}

async function checkTask({ name, dir, size }: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
  const odd: Oddities = { broken: [], flat: [] };
  const task = await loadTask(name, {
    source: "real",
    dataDir: dir,
    control: hearing(control, odd),
    ...(size === null ? {} : { imageSize: size }),
  });
  for (const split of SPLITS) {
    const examples = task.splits[split];
    const counts = task.labels.map(({ index, name: label }) => {
      return `${label} ${examples.filter(({ labels }) => labels.includes(index)).length}`;
    });
    progress.say(`${split}: ${examples.length} examples; ${counts.join(", ")}`);
  }
  sayOddities(progress, odd);
  progress.say(`${name}: ${verdictOf(odd)} Fingerprint ${task.fingerprint}`);
  for (const row of await expectationsOf(task, control)) progress.say(`expect: ${expectationLine(row)}`);
}

/** Pictures of a split that are looked at for what to expect: seconds for the largest task. */
const MOST_PICTURES = 1000;

/** As many as are looked at, from the whole of a split: files may be sorted by label. */
const spread = (examples: readonly Example[]): Example[] => {
  const step = Math.ceil(examples.length / MOST_PICTURES);
  return examples.filter((_, i) => i % step === 0);
};

/** What can be expected of the task's labels before anything is trained, with the frozen encoder of this repository. */
async function expectationsOf(task: Task, control: Control): Promise<Measurement[]> {
  await openBackend();
  const encoder = loadDualEncoder((await checkpointFolder("clip", { control })).folder);
  try {
    const [train, validation] = [spread(task.splits.train), spread(task.splits.validation)];
    const embed = (examples: readonly Example[]) => {
      const pictures = examples.map(({ image }) => image);
      return encodeImages(encoder, pictures, control);
    };
    const queries = { train: await embed(train), validation: await embed(validation) };
    return await measureExpectations({ task: { ...task, splits: { ...task.splits, train, validation } }, queries });
  } finally {
    encoder.dispose();
  }
}

const percent = (share: number): string => (100 * share).toFixed(1);

function expectationLine({ system, metric, subset, value, low, high, n }: Measurement): string {
  if (metric === "smallestEffect") return `${percent(value)} points can be shown by ${n} test pictures, ${subset}`;
  const what = system === "chance" ? "by chance (the commonest answer)" : `${system} of the frozen encoder`;
  return `${what}, ${subset}: ${percent(value)} % [${percent(low)}, ${percent(high)}]`;
}

const LONGEST_SIDE = 64;
const MOST_BROKEN = 0.01;

/** What the last line says of the whole. */
const verdictOf = ({ broken, flat }: Oddities): string =>
  broken.length + flat.length === 0
    ? "sound."
    : `sound but for ${broken.length} left out, ${flat.length} nearly one value.`;

/** Decodes every pair once and keeps none. */
async function checkCorpus({ name, dir }: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
  const source = await CORPORA.get(name)!.open(dir);
  const odd: Oddities = { broken: [], flat: [] };
  const onBroken = (row: LeftOut): void => void odd.broken.push(row);
  const onFlat = (place: string): void => void odd.flat.push(place);
  let [pairs, letters] = [0, 0];
  const [groups, licences] = [new Set<string>(), new Map<string, number>()];
  const limits = { numPassages: Number.MAX_SAFE_INTEGER, longestSide: LONGEST_SIDE, maxBrokenShare: MOST_BROKEN };
  try {
    for await (const { text, group, licence } of readPassages(source, { ...limits, control, onBroken, onFlat })) {
      pairs++;
      letters += text.length;
      if (group !== undefined) groups.add(group);
      licences.set(licence, (licences.get(licence) ?? 0) + 1);
    }
  } finally {
    sayOddities(progress, odd);
  }
  for (const note of source.notes?.() ?? []) progress.say(note);
  const mean = (letters / pairs).toFixed(0);
  progress.say(
    `${pairs} pairs, ${odd.broken.length} broken; ${groups.size} groups; texts of ${mean} letters in the mean`,
  );
  for (const [licence, count] of [...licences].sort((a, b) => b[1] - a[1]).slice(0, SHOWN))
    progress.say(`licence ${licence}: ${count}`);
  progress.say(`${name}: ${verdictOf(odd)}`);
}

/** `npm run data -- check`: reads a task or corpus as the notebooks would and says what is in it, and what to expect of a task. */
export function printCheckedData(wish: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
  return CORPORA.has(wish.name) ? checkCorpus(wish, progress, control) : checkTask(wish, progress, control);
}
