import { createHash } from "node:crypto";
import { DataError } from "../base/errors";
import type { Control, Example, Split, Task } from "../base/types";
import { entityNames } from "./entities";
import { hashImage } from "./formats/picture-file";
import type { TaskContent } from "./tasks/definition";

type Splits = Readonly<Record<Split, readonly Example[]>>;

/** The one name of an example's group. */
const groupOf = ({ group }: Pick<Example, "group">): string => entityNames(group).join(" ");

/**
 * Splits that share no group: test stays as it is, so that numbers stay comparable; validation loses the groups of test, and
 * train those of both.
 *
 * @throws DataError when nothing is left to train on.
 */
export function makeDisjoint(splits: Splits): Splits {
  const seen = new Set(splits.test.map(groupOf));
  const validation = splits.validation.filter((example) => !seen.has(groupOf(example)));
  for (const example of validation) seen.add(groupOf(example));
  const train = splits.train.filter((example) => !seen.has(groupOf(example)));
  if (train.length > 0) return { train, validation, test: splits.test };
  throw new DataError(
    "makeDisjoint: train must keep an example; every one shares its picture. Use the published split.",
  );
}

/** Place of a group in the seeded order; it does not depend on the other groups. */
const orderOf = (seed: number, group: string): string => createHash("sha256").update(`${seed}/${group}`).digest("hex");

/**
 * Deals whole groups (patients, or pictures) to parts with these shares of the items, in an order decided by the seed alone.
 *
 * @param shares sum to 1; a part is closed once it holds its share.
 * @returns for every item the index of its part.
 */
export function dealGroups(groups: readonly string[], shares: readonly number[], seed: number): number[] {
  const counts = new Map<string, number>();
  for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
  const order = [...counts.keys()].map((group) => [orderOf(seed, group), group] as const).sort();
  const partOf = new Map<string, number>();
  let part = 0;
  let dealt = 0;
  let limit = shares[0]! * groups.length;
  for (const [, group] of order) {
    while (dealt >= limit && part < shares.length - 1) limit += shares[++part]! * groups.length;
    partOf.set(group, part);
    dealt += counts.get(group)!;
  }
  return groups.map((group) => partOf.get(group)!);
}

const VALIDATION_SHARE = 0.1;

/** Takes a tenth of the training groups (pictures or patients) with all their examples for validation, by the seed. */
function carveValidation(train: readonly Example[], seed: number): Record<"train" | "validation", Example[]> {
  const parts = dealGroups(
    train.map(({ group }) => group),
    [VALIDATION_SHARE, 1 - VALIDATION_SHARE],
    seed,
  );
  return {
    train: train.filter((_, i) => parts[i] === 1),
    validation: train.filter((_, i) => parts[i] === 0).map((example) => ({ ...example, split: "validation" })),
  };
}

/** Hash of everything a reader could see of the examples: the identity of a task made of many files. */
function hashExamples(splits: Splits): string {
  const hash = createHash("sha256");
  for (const { id, question, answer, group, image, wordings = [] } of Object.values(splits).flat()) {
    hash.update(JSON.stringify([id, question, answer, group, hashImage(image), ...wordings]));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Whose splits they are, and what their members are called in an error. */
interface SplitOwner {
  readonly task: string;
  readonly members: "pictures" | "questions";
  readonly splitSeed: number;
}

/**
 * The three splits of a task from the published ones. Where no validation split is published, a tenth of the training groups is
 * taken for it, by `splitSeed`.
 *
 * @throws DataError when the training or test split is empty.
 */
export function completeSplits(published: Splits, { task, members, splitSeed }: SplitOwner): TaskContent {
  for (const split of ["train", "test"] as const) {
    if (published[split].length > 0) continue;
    throw new DataError(`loadTask: ${task} must hold ${split} ${members}; got none. Check that every file is there.`);
  }
  const open = published.validation.length === 0;
  const splits = open ? { ...published, ...carveValidation(published.train, splitSeed) } : published;
  return { splits, identity: hashExamples(splits) };
}

/** Groups, and examples of one, that the warning names; its details hold all. */
const NUM_NAMED = 3;

/** A group (patient or equal pictures) that stands in more than one split. */
export interface SharedGroup {
  readonly group: string;
  readonly exampleIds: readonly string[];
}

/** Groups that stand in two splits of a task: empty in a clean data set. */
export function findSharedGroups(task: Task): SharedGroup[] {
  const members = new Map<string, Example[]>();
  for (const example of Object.values(task.splits).flat()) {
    const name = groupOf(example);
    const list = members.get(name);
    if (list === undefined) members.set(name, [example]);
    else list.push(example);
  }
  return [...members]
    .filter(([, examples]) => new Set(examples.map((example) => example.split)).size > 1)
    .map(([, examples]) => ({ group: examples[0]!.group, exampleIds: examples.map((example) => example.id) }));
}

/**
 * Says through `control.onWarn("split", …)` which groups stand in two splits. Published splits are kept as published, so that
 * numbers stay comparable; the reader of a table must know.
 */
export function reportSharedGroups(task: Task, control: Control): void {
  const shared = findSharedGroups(task);
  if (shared.length === 0) return;
  const first = shared.slice(0, NUM_NAMED).map(({ exampleIds }) => exampleIds.slice(0, NUM_NAMED).join(" = "));
  const more = shared.length > first.length ? "; …" : "";
  const does = shared.length === 1 ? "1 does" : `${shared.length} do`;
  control.onWarn?.(
    "split",
    `loadTask: no picture of ${task.name} should stand in two splits; ${does}: ${first.join("; ")}${more}. Kept as published.`,
    { task: task.name, shared },
  );
}
