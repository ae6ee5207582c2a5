import { assertInteger, assertKnownKeys } from "../../base/check";
import { DataError } from "../../base/errors";
import { createRandom, type Random } from "../../base/random";
import { type Example, SPLITS, type Split, type Task } from "../../base/types";

/** Words that carry no meaning of their own in an answer. */
const EMPTY = new Set([
  "a",
  "an",
  "the",
  "of",
  "in",
  "on",
  "at",
  "to",
  "and",
  "or",
  "with",
  "is",
  "are",
  "this",
  "that",
]);

/** The meaningful words of a text, in lower case. */
export function keyWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => !EMPTY.has(word));
}

/** Whether one answer says what the other says, or part of it: "lung" and "left lung". Such a pair makes no clear no. */
export function overlaps(a: string, b: string): boolean {
  const [first, second] = [new Set(keyWords(a)), new Set(keyWords(b))];
  const within = (inner: Set<string>, outer: Set<string>) => [...inner].every((word) => outer.has(word));
  return within(first, second) || within(second, first);
}

/** Options of convertOpenQuestions. */
export interface ConvertOpenOptions {
  /** Which questions get a true candidate, and which candidate the others get. Default 7. */
  readonly seed?: number;
}

/** An open question that could not be asked as a yes/no question. */
export interface RefusedQuestion {
  readonly exampleId: string;
  readonly reason: string;
}

/** An open question with the answer that is asked about, which is right or wrong. */
export interface CandidateQuestion {
  readonly example: Example;
  readonly candidate: string;
  readonly truth: "yes" | "no";
}

/** A task of yes/no questions, and what was left out of it. */
export interface ConvertedTask {
  readonly task: Task;
  readonly refused: readonly RefusedQuestion[];
}

/** Whether an example is answered in words. */
const isOpen = ({ kind, form }: Example): boolean => kind === "open" && form === "words";

/** What kind of thing is asked for: the publisher's type of question, or else its first two words. */
function typeOf(example: Example): string {
  return example.topic ?? example.question.toLowerCase().split(/\s+/).slice(0, 2).join(" ");
}

/** The answers of the training split by type of question, as often as they occur. */
function trainingAnswers(task: Task): Map<string, string[]> {
  const answers = new Map<string, string[]>();
  for (const example of task.splits.train.filter(isOpen)) {
    const type = typeOf(example);
    answers.set(type, [...(answers.get(type) ?? []), example.answer]);
  }
  return answers;
}

function drawCandidates(examples: readonly Example[], answers: ReadonlyMap<string, string[]>, random: Random) {
  const refused: RefusedQuestion[] = [];
  const usable: { example: Example; wrong: string[] }[] = [];
  for (const example of examples.filter(isOpen)) {
    const wrong = (answers.get(typeOf(example)) ?? []).filter((answer) => !overlaps(answer, example.answer));
    if (keyWords(example.answer).length === 0)
      refused.push({ exampleId: example.id, reason: "an answer without words" });
    else if (wrong.length > 0) usable.push({ example, wrong });
    else refused.push({ exampleId: example.id, reason: "no other training answer to this type of question" });
  }
  const yes = new Set(
    random
      .fork("yes")
      .shuffle(usable)
      .slice(0, Math.ceil(usable.length / 2)),
  );
  const candidates = usable.map((entry): CandidateQuestion => {
    const { example, wrong } = entry;
    if (yes.has(entry)) return { example, candidate: example.answer, truth: "yes" };
    return { example, candidate: random.fork(example.id).pick(wrong), truth: "no" };
  });
  return { candidates, refused };
}

/**
 * A candidate answer for every open question: the true one for half of each split, else one that another training question of the
 * same type has. Wrong candidates are drawn as often as they occur, so that a candidate alone says little about its truth; none
 * comes from validation or test answers.
 *
 * @throws ConfigError for a bad seed.
 */
export function candidateQuestions(
  task: Task,
  seed: number,
): {
  readonly bySplit: Readonly<Record<Split, readonly CandidateQuestion[]>>;
  readonly refused: readonly RefusedQuestion[];
} {
  assertInteger("candidateQuestions: seed", seed, 0);
  const answers = trainingAnswers(task);
  const random = createRandom(`open-to-closed/${seed}`);
  const drawn = SPLITS.map((split) => drawCandidates(task.splits[split], answers, random.fork(split)));
  const [train, validation, test] = drawn.map(({ candidates }) => candidates);
  return {
    bySplit: { train: train!, validation: validation!, test: test! },
    refused: drawn.flatMap(({ refused }) => refused),
  };
}

/** An example whose question is a yes/no question now. */
export function toClosed({ example, truth }: CandidateQuestion, question: string): Example {
  const id = `${example.id}/closed`;
  return { ...example, id, question, answer: truth, labels: [truth === "yes" ? 0 : 1], form: "yesNo", kind: "closed" };
}

/** A task of these yes/no examples. @throws DataError when a split is empty. */
export function closedVersion(task: Task, splits: Readonly<Record<Split, readonly Example[]>>, how: string): Task {
  const empty = SPLITS.find((split) => splits[split].length === 0);
  if (empty !== undefined) {
    throw new DataError(
      `closedVersion: ${task.name} must keep a ${empty} question; got none. Use a task with open questions in every split.`,
      { task: task.name, split: empty },
    );
  }
  return { ...task, splits, metrics: ["accuracy", "macroF1"], fingerprint: `${task.fingerprint}:${how}` };
}

/**
 * Asks the open questions of a task as yes/no questions about a candidate answer, by rule: the same question, then
 * "is the answer …?". Half of each split is answered yes. (The paper lets a frontier model write them: convertWithEndpoint.)
 *
 * @returns the task with these questions alone, and the refused ones with their reasons.
 * @throws DataError when a split has no open question. ConfigError for a bad option.
 */
export function convertOpenQuestions(task: Task, options: ConvertOpenOptions = {}): ConvertedTask {
  assertKnownKeys("convertOpenQuestions:", options, ["seed"]);
  const { seed = 7 } = options;
  const { bySplit, refused } = candidateQuestions(task, seed);
  const ask = (list: readonly CandidateQuestion[]) =>
    list.map((entry) => toClosed(entry, `${entry.example.question} is the answer ${entry.candidate} ?`));
  const splits = { train: ask(bySplit.train), validation: ask(bySplit.validation), test: ask(bySplit.test) };
  return { task: closedVersion(task, splits, `by-rule:${seed}`), refused };
}
