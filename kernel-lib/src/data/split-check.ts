import type { Control, Corpus, Example, Passage, Split, Task } from "../base/types";
import { hashImage } from "./formats/checksum";

/** A group (patient or equal pictures) that stands in more than one split. */
export interface SharedGroup {
  readonly group: string;
  readonly exampleIds: readonly string[];
}

/** Groups that stand in two splits of a task: empty in a clean data set. */
export function findSharedGroups(task: Task): SharedGroup[] {
  const members = new Map<string, Example[]>();
  for (const example of Object.values(task.splits).flat()) {
    const list = members.get(example.group);
    if (list === undefined) members.set(example.group, [example]);
    else list.push(example);
  }
  return [...members]
    .filter(([, examples]) => new Set(examples.map((example) => example.split)).size > 1)
    .map(([group, examples]) => ({ group, exampleIds: examples.map((example) => example.id) }));
}

/**
 * Says through `control.onWarn("split", …)` which groups stand in two splits. Published splits are kept as published, so that
 * numbers stay comparable; the reader of a table must know.
 */
export function reportSharedGroups(task: Task, control: Control): void {
  const shared = findSharedGroups(task);
  if (shared.length === 0) return;
  const ids = shared.map(({ exampleIds }) => exampleIds.join(" = ")).join("; ");
  control.onWarn?.(
    "split",
    `loadTask: no picture of ${task.name} should stand in two splits; ${shared.length} does: ${ids}. Kept as published.`,
    { task: task.name, shared },
  );
}

/** What leaveOutSeen kept and what it left out. */
export interface CleanCorpus {
  readonly corpus: Corpus;
  /** Passages whose picture is an evaluation picture, pixel by pixel. */
  readonly leftOut: readonly { readonly passageId: string; readonly exampleId: string }[];
}

/**
 * Leaves out the passages whose picture equals, pixel by pixel, a picture of these splits, and reports them with the code "leak".
 *
 * @param splits default validation and test.
 */
export function leaveOutSeen(
  corpus: Corpus,
  task: Task,
  options: { readonly splits?: readonly Split[]; readonly control?: Control } = {},
): CleanCorpus {
  const { splits = ["validation", "test"], control = {} } = options;
  const seen = new Map(
    splits.flatMap((split) => task.splits[split]).map((example) => [hashImage(example.image), example.id]),
  );
  const leftOut: { passageId: string; exampleId: string }[] = [];
  const passages: Passage[] = [];
  for (const passage of corpus.passages) {
    const exampleId = seen.get(hashImage(passage.image));
    if (exampleId === undefined) passages.push(passage);
    else leftOut.push({ passageId: passage.id, exampleId });
  }
  if (leftOut.length === 0) return { corpus, leftOut };
  const message = `leaveOutSeen: ${leftOut.length} of ${corpus.passages.length} passages of ${corpus.name} show evaluation pictures of ${task.name}; left out.`;
  control.onWarn?.("leak", message, { corpus: corpus.name, task: task.name, leftOut });
  const fingerprint = `${corpus.fingerprint}:without:${leftOut.map((row) => row.passageId).join(",")}`;
  return { corpus: { ...corpus, passages, fingerprint }, leftOut };
}
