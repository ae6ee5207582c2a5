import { createHash } from "node:crypto";
import { assertKnownKeys, assertNotInterrupted } from "../../base/check";
import type { Control, Example, Task } from "../../base/types";
import { ENDPOINT_OPTIONS, type EndpointOptions, openAnswerLog, openEndpoint, writtenText } from "../../hub/endpoint";
import {
  type CandidateQuestion,
  type ConvertedTask,
  candidateQuestions,
  closedVersion,
  keyWords,
  type RefusedQuestion,
  toClosed,
} from "./convert-open";

const OPENINGS = /^(is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\b/i;
const MOST_LETTERS = 300;

/**
 * Why a written yes/no question cannot stand for its open question, or null when it can: it must be one question, begin like a
 * yes/no question, and keep every meaningful word of the candidate.
 */
export function findFault(question: string, { candidate }: CandidateQuestion): string | null {
  const text = question.trim();
  if (text.length === 0 || text.length > MOST_LETTERS) return `a text of ${text.length} letters`;
  if (!text.endsWith("?") || text.indexOf("?") !== text.length - 1 || text.includes("\n")) return "not one question";
  if (!OPENINGS.test(text)) return "no yes/no question";
  const words = new Set(keyWords(text));
  const lost = keyWords(candidate).filter((word) => !words.has(word));
  return lost.length === 0 ? null : `lost ${lost.join(", ")}`;
}

/** Options of convertWithEndpoint. */
export interface ConvertWithEndpointOptions extends EndpointOptions {
  readonly model: string;
  /** Where answers are kept, so that nothing is asked twice. */
  readonly cacheFile: string;
  /** Default 7. */
  readonly seed?: number;
  readonly control?: Control;
}

const OPTION_NAMES: readonly (keyof ConvertWithEndpointOptions)[] = [
  ...ENDPOINT_OPTIONS,
  "model",
  "cacheFile",
  "seed",
  "control",
];
const INSTRUCTION =
  "Rewrite the question as one yes/no question that asks whether the candidate is its answer. Keep the words of the candidate. Write the question alone.";

function messagesFor({ example, candidate }: CandidateQuestion): { role: string; content: string }[] {
  return [
    { role: "system", content: INSTRUCTION },
    { role: "user", content: `Question: ${example.question}\nCandidate: ${candidate}` },
  ];
}

/** As many yes as no: what is too much of one is refused, from the end. */
function balance(questions: readonly Example[]): { kept: Example[]; refused: RefusedQuestion[] } {
  const of = (answer: string) => questions.filter((example) => example.answer === answer);
  const fewest = Math.min(of("yes").length, of("no").length);
  const kept = new Set([...of("yes").slice(0, fewest), ...of("no").slice(0, fewest)]);
  const refused = questions
    .filter((example) => !kept.has(example))
    .map(({ id }) => ({ exampleId: id.replace(/\/closed$/, ""), reason: "more of its answer than of the other" }));
  return { kept: questions.filter((example) => kept.has(example)), refused };
}

/** Asks for one question, or finds what was answered before. */
async function createWriter(
  options: ConvertWithEndpointOptions,
): Promise<(entry: CandidateQuestion) => Promise<string>> {
  const { model, seed = 7, control = {} } = options;
  const endpoint = await openEndpoint(options);
  const log = openAnswerLog<string>(options.cacheFile);
  return async (entry) => {
    const body = { model, messages: messagesFor(entry), temperature: 0, seed };
    const key = createHash("sha256").update(JSON.stringify(body)).digest("hex");
    const known = log.get(key);
    if (known !== undefined) return known.trim();
    const question = await endpoint.ask({ path: "chat/completions", body, read: writtenText }, control);
    log.put(key, question);
    return question.trim();
  };
}

/** The sound questions of one split, as many yes as no; the others are added to `refused`. */
async function writeSplit(
  entries: readonly CandidateQuestion[],
  write: (entry: CandidateQuestion) => Promise<string>,
  refused: RefusedQuestion[],
  control: Control,
): Promise<Example[]> {
  const written: Example[] = [];
  for (const [position, entry] of entries.entries()) {
    assertNotInterrupted("convertWithEndpoint", control.signal);
    const question = await write(entry);
    const fault = findFault(question, entry);
    if (fault === null) written.push(toClosed(entry, question));
    else refused.push({ exampleId: entry.example.id, reason: fault });
    const stage = `closed questions, ${entry.example.split}`;
    control.onProgress?.({ stage, done: position + 1, total: entries.length, values: { refused: refused.length } });
  }
  const { kept, refused: tooMany } = balance(written);
  refused.push(...tooMany);
  return kept;
}

/**
 * Asks the open questions of a task as yes/no questions that a language model writes, as the paper does. Candidates are those of
 * convertOpenQuestions; the model sees question and candidate, never the picture. Its answers are kept on disk; one that is no
 * yes/no question or loses the candidate's words is refused and counted, and each split keeps as many yes as no.
 *
 * @throws ConfigError when credentialed data would leave this machine without a written permission. EnvironmentError when the
 * endpoint does not answer within its budget; what it had answered is kept. DataError when a split keeps no question. InterruptedError on abort.
 */
export async function convertWithEndpoint(task: Task, options: ConvertWithEndpointOptions): Promise<ConvertedTask> {
  assertKnownKeys("convertWithEndpoint:", options, OPTION_NAMES);
  const { seed = 7, control = {} } = options;
  const write = await createWriter(options);
  const { bySplit, refused: without } = candidateQuestions(task, seed);
  const refused = [...without];
  const splits = {
    train: await writeSplit(bySplit.train, write, refused, control),
    validation: await writeSplit(bySplit.validation, write, refused, control),
    test: await writeSplit(bySplit.test, write, refused, control),
  };
  const questions = Object.values(splits).flatMap((list) => list.map(({ id, question }) => [id, question]));
  const hash = createHash("sha256").update(JSON.stringify(questions)).digest("hex").slice(0, 16);
  return { task: closedVersion(task, splits, `by-model:${hash}`), refused };
}
