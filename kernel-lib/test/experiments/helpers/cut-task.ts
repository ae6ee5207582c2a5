import type { Task } from "../../../src/base/types";

/** The first 24, 8 and 10 examples of a task's splits, under a fingerprint of their own. */
export function cutTask(task: Task): Task {
  const { train, validation, test } = task.splits;
  const splits = { train: train.slice(0, 24), validation: validation.slice(0, 8), test: test.slice(0, 10) };
  return { ...task, splits, fingerprint: `${task.fingerprint}:cut` };
}
