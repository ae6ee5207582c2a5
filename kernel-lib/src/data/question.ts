import { DataError } from "../base/errors";
import type { Example, Split, Task } from "../base/types";

/**
 * A closed question with its numbered classes; the reader answers with the number.
 *
 * @example classQuestion("is this lamp on or off ?", ["on", "off"])   // "is this lamp on or off ? 0 : on 1 : off"
 */
export function classQuestion(opening: string, classNames: readonly string[]): string {
  return [opening, ...classNames.map((name, index) => `${index} : ${name}`)].join(" ");
}

/** Whether an example is answered with one label. */
const hasOneLabel = ({ form = "label", labels }: Example): boolean => form === "label" && labels.length === 1;

/**
 * The part of a question-answering task that is answered with one of its labels: its yes/no questions. It is a task like any
 * single-label task, so every training and evaluation takes it.
 *
 * @throws DataError when a split has no such question.
 */
export function closedTask(task: Task): Task {
  const of = (split: Split) => {
    const kept = task.splits[split].filter(hasOneLabel);
    if (kept.length > 0) return kept;
    throw new DataError(
      `closedTask: ${task.name} must have ${split} questions with one label; got none of ${task.splits[split].length}.`,
      { task: task.name, split },
    );
  };
  const splits = { train: of("train"), validation: of("validation"), test: of("test") };
  return { ...task, splits, metrics: ["accuracy", "macroF1"], fingerprint: `${task.fingerprint}:closed` };
}
