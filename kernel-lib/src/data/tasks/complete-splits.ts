import { DataError } from "../../base/errors";
import type { Example, Split } from "../../base/types";
import { carveValidation } from "../disjoint-split";
import { hashExamples } from "./hash-examples";
import type { TaskContent } from "./task-definition";

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
export function completeSplits(
  published: Readonly<Record<Split, readonly Example[]>>,
  { task, members, splitSeed }: SplitOwner,
): TaskContent {
  for (const split of ["train", "test"] as const) {
    if (published[split].length > 0) continue;
    throw new DataError(`loadTask: ${task} must hold ${split} ${members}; got none. Check that every file is there.`);
  }
  const open = published.validation.length === 0;
  const splits = open ? { ...published, ...carveValidation(published.train, splitSeed) } : published;
  return { splits, identity: hashExamples(splits) };
}
