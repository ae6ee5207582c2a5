import { DataError } from "../base/errors";
import type { Corpus, Example, Head, Passage, Task } from "../base/types";
import { exampleOf, examplesById, passageOf, passagesById } from "../data/by-id";
import type { PictureFacts } from "../phantoms/phantom";
import { HEADS } from "../retriever/retrieve";
import type { RetrievedList } from "./agreement";
import { type Trait, traitsOf } from "./expectations";
import {
  type Measurable,
  type Measurement,
  type MeasureOptions,
  measure,
  measureDifference,
  ratioOf,
} from "./measurement";

// What training the retriever changed: the same questions' lists before and after, and what the passages have in common with the question.

/** The two retrievers' lists, of the same questions. */
export interface ListChangeInputs extends Pick<MeasureOptions, "bootstrap"> {
  readonly task: Task;
  readonly corpus: Corpus;
  /** Of a phantom: the words of every picture. Without it only the label is compared. */
  readonly facts?: PictureFacts | null;
  readonly before: readonly RetrievedList[];
  readonly after: readonly RetrievedList[];
}

/** The passages that one head found for a question, under either retriever. */
interface Change {
  readonly example: Example;
  readonly before: readonly Passage[];
  readonly after: readonly Passage[];
}

/**
 * What changed in the lists of each head. Rows, by head (subset "image head"; of a sign or a nuisance "image head, nuisance side"):
 * - `kept`: share of the passages that stayed, whatever their order;
 * - `agreement` with the question's label, and each sign, nuisance and pattern that the facts know, before and after, and the paired difference on the questions
 *   where something is known of both lists;
 * - the same of the passages that came in (subset "…, came in") and of those that went ("…, went"): what moved up, and for what.
 * What nobody knows of a passage or a question is left out; rows without a single known passage are missing. Column system: the two systems'.
 *
 * @throws DataError when the lists are not of the same questions, of one system each, or hold a passage of another corpus.
 * @example measureListChanges({ task, corpus, facts, before, after }) // lists of "ft-rag" and "jomed"
 */
export function measureListChanges(inputs: ListChangeInputs): Measurement[] {
  const { task, facts = null, bootstrap } = inputs;
  const settings: MeasureOptions = { task, bootstrap };
  const names = { before: systemOf(inputs.before, "before"), after: systemOf(inputs.after, "after") };
  const paired = pair(inputs);
  return HEADS.flatMap((head) => {
    const changes = paired(head).filter(({ before, after }) => before.length + after.length > 0);
    if (changes.length === 0) return [];
    const groups = changes.map(({ example }) => example.group);
    const stayed = ({ before, after }: Change): number => after.filter((passage) => before.includes(passage)).length;
    const statistic = ratioOf(changes, stayed, ({ after }) => after.length);
    const kept = measure({ system: names.after, metric: "kept", subset: `${head} head`, groups, statistic }, settings);
    return [kept, ...traitsOf(task, head, facts).flatMap((trait) => traitRows(changes, trait, names, settings))];
  });
}

type Names = Readonly<Record<"before" | "after", string>>;

/** Shares of passages that share a trait with their question, of several choices of passages. */
function traitRows(changes: readonly Change[], trait: Trait, names: Names, settings: MeasureOptions): Measurement[] {
  const judged = changes.filter(({ example }) => trait.wanted(example).length > 0);
  const known = (passages: readonly Passage[]): Passage[] => passages.filter((one) => trait.shown(one) !== null);
  const agreeing = ({ example }: Change, passages: readonly Passage[]): number =>
    passages.filter((one) => trait.wanted(example).includes(trait.shown(one) ?? "")).length;
  type Choice = (change: Change) => readonly Passage[];
  const isKnown = (pick: Choice) => (change: Change) => known(pick(change)).length > 0;
  const of = (system: string, subset: string, pick: Choice, rows = judged.filter(isKnown(pick))): Measurable => {
    const statistic = ratioOf(
      rows,
      (change) => agreeing(change, known(pick(change))),
      (change) => known(pick(change)).length,
    );
    return { system, metric: "agreement", subset, groups: rows.map(({ example }) => example.group), statistic };
  };
  const only = (own: readonly Passage[], others: readonly Passage[]) => own.filter((one) => !others.includes(one));
  const { subset } = trait;
  const [before, after]: [Choice, Choice] = [(change) => change.before, (change) => change.after];
  const both = judged.filter((change) => isKnown(before)(change) && isKnown(after)(change));
  const values = [
    ...[of(names.before, subset, before), of(names.after, subset, after)],
    of(names.after, `${subset}, came in`, (change) => only(change.after, change.before)),
    of(names.before, `${subset}, went`, (change) => only(change.before, change.after)),
  ].filter(({ groups }) => groups.length > 0);
  const rows = values.map((what) => measure(what, settings));
  if (both.length === 0) return rows;
  const [later, earlier] = [of(names.after, subset, after, both), of(names.before, subset, before, both)];
  return [...rows, measureDifference(later, earlier, settings)];
}

function systemOf(lists: readonly RetrievedList[], name: "before" | "after"): string {
  const systems = [...new Set(lists.map(({ system }) => system))];
  if (systems.length === 1) return systems[0]!;
  throw new DataError(
    `measureListChanges: ${name} must hold the lists of one system; got ${systems.join(", ") || "no list"}. Pass one system's.`,
    { systems },
  );
}

/** Both lists of every question, head by head. */
function pair({ task, corpus, before, after }: ListChangeInputs): (head: Head) => Change[] {
  const examples = examplesById(task);
  const passages = passagesById(corpus);
  const later = new Map(after.map((list) => [list.exampleId, list]));
  if (
    later.size !== after.length ||
    before.length !== after.length ||
    before.some((one) => !later.has(one.exampleId))
  ) {
    throw new DataError(
      `measureListChanges: before and after must be lists of the same questions, one each; got ${before.length} and ${after.length}.`,
    );
  }
  const found = ({ hits }: RetrievedList, head: Head): Passage[] =>
    hits
      .filter((hit) => hit.head === head)
      .map(({ passageId }) => passageOf("measureListChanges", passages, passageId));
  return (head) =>
    before.map((list) => ({
      example: exampleOf("measureListChanges", examples, list.exampleId),
      before: found(list, head),
      after: found(later.get(list.exampleId)!, head),
    }));
}
