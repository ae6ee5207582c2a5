import type { Control, Split } from "../base/types";
import { CORPORA } from "../data/corpora/corpora";
import { readPassages } from "../data/corpora/read-passages";
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

async function checkTask({ name, dir, size }: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
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

const LONGEST_SIDE = 64;
const MOST_BROKEN = 0.01;
const SHOWN = 5;

/** Decodes every pair once and keeps none. */
async function checkCorpus({ name, dir }: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
  const source = await CORPORA.get(name)!.open(dir);
  let [pairs, broken, letters] = [0, 0, 0];
  const [groups, licences] = [new Set<string>(), new Map<string, number>()];
  const onBroken = ({ place, reason }: { readonly place: string; readonly reason: string }): void => {
    broken++;
    if (broken <= SHOWN) progress.say(`broken: ${place}: ${reason}`);
  };
  const settings = { numPassages: Number.MAX_SAFE_INTEGER, longestSide: LONGEST_SIDE, maxBrokenShare: MOST_BROKEN };
  for await (const { text, group, licence } of readPassages(source, { ...settings, control, onBroken })) {
    pairs++;
    letters += text.length;
    if (group !== undefined) groups.add(group);
    licences.set(licence, (licences.get(licence) ?? 0) + 1);
  }
  for (const note of source.notes?.() ?? []) progress.say(note);
  const mean = (letters / pairs).toFixed(0);
  progress.say(`${pairs} pairs, ${broken} broken; ${groups.size} groups; texts of ${mean} letters in the mean`);
  for (const [licence, count] of [...licences].sort((a, b) => b[1] - a[1]).slice(0, SHOWN))
    progress.say(`licence ${licence}: ${count}`);
  progress.say(`${name}: sound.`);
}

/** `npm run data -- check`: reads a task or corpus as the notebooks would and says what is in it. */
export function printCheckedData(wish: CheckWish, progress: TerminalProgress, control: Control): Promise<void> {
  return CORPORA.has(wish.name) ? checkCorpus(wish, progress, control) : checkTask(wish, progress, control);
}
