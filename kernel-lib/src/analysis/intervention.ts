import { formOf } from "../answers/forms";
import { assertInteger, assertKnownKeys, assertNotInterrupted } from "../base/check";
import { DataError } from "../base/errors";
import { createRandom, type Random } from "../base/random";
import type { AnswerForm, Control, Corpus, Example, Passage, RasterImage, Task } from "../base/types";
import { evenly, exampleOf, examplesById, passageOf, passagesById } from "../data/by-id";
import type { Reader } from "../reader/reader";
import { labelsNamed, withOtherLabel } from "../systems/caption-vote";
import { readPairs } from "../systems/reading";
import type { RetrievedList } from "./agreement";
import {
  type Measurable,
  type Measurement,
  type MeasureOptions,
  measure,
  measureDifference,
  ratioOf,
  shareOf,
} from "./measurement";

// What a reader does with a pair, by giving it others: the same questions, the same reader, and only the pair is changed. Whatever retrieval
// gains has to come from here.

/** What each question is read with. "own picture": the question's own, under a caption that names another label. */
export const PAIR_KINDS = [
  ...(["no pair", "retrieved pair", "right pair", "wrong pair", "random pair", "blank pair"] as const),
  "own picture, swapped caption",
] as const;

/** One of PAIR_KINDS. */
export type PairKind = (typeof PAIR_KINDS)[number];

const BASE: PairKind = "retrieved pair";
/** Column subset of all rows, so that no kind is taken for a system that answers with all its passages. */
const ONE_PAIR = "one pair";

/** The one reader, and what it is asked. */
export interface InterventionInputs {
  readonly task: Task;
  /** That pairs are taken from. */
  readonly corpus: Corpus;
  readonly reader: Reader;
  /** What was retrieved for each question, best first; the first hit is read. */
  readonly lists: readonly Pick<RetrievedList, "exampleId" | "hits">[];
}

export interface InterventionOptions extends Pick<MeasureOptions, "bootstrap"> {
  /** Questions, from the whole of the lists. Default 200. */
  readonly numQuestions?: number;
  /** Which of several fitting pairs is read. Default 7. */
  readonly seed?: number;
  readonly control?: Control;
}

/** A question with a pair of each kind. */
interface Asked {
  readonly example: Example;
  readonly pairs: Readonly<Record<PairKind, Passage | null>>;
}

/** What the reader made of one pair. */
interface Outcome {
  readonly group: string;
  readonly right: boolean;
  /** Log-probability of the true label among the labels (nats). */
  readonly likelihood: number;
  /** Whether the answer is the label that the caption names; null where it does not name exactly one. */
  readonly follows: boolean | null;
}

/**
 * The same questions read by one reader with pairs of seven kinds: none; the one retrieved; one of the right diagnosis; one of another; any of
 * the corpus; a black picture without a text; and the question's own picture under a caption of the right diagnosis with another label in its
 * place. Questions of one label each; one for which a kind cannot be had is left out of all. A pair's diagnosis is its truth where that is
 * known, else the one label that its caption names.
 *
 * Rows, by kind (column system; subset "one pair"): `accuracy`; `likelihood`: mean log-probability of the true label among the labels (nats); `followsCaption`:
 * share of the answers that are the label which the caption names, of captions that name exactly one; and paired differences of accuracy and
 * likelihood to the retrieved pair.
 *
 * @throws DataError when no question is left, an example is not the task's, or a passage not the corpus's. ConfigError on an option.
 * InterruptedError on abort.
 * @example await kernel.analysis.measureIntervention({ task, corpus, reader, lists: ftRag.map(kernel.analysis.listOf) })
 */
export async function measureIntervention(
  inputs: InterventionInputs,
  options: InterventionOptions = {},
): Promise<Measurement[]> {
  assertKnownKeys("measureIntervention:", options, ["numQuestions", "seed", "control", "bootstrap"]);
  const { numQuestions = 200, seed = 7, control = {}, bootstrap } = options;
  assertInteger("measureIntervention: numQuestions", numQuestions, 1);
  assertInteger("measureIntervention: seed", seed, 0);
  const asked = choose(inputs, numQuestions, createRandom(seed).fork("intervention"));
  const settings: MeasureOptions = { task: inputs.task, bootstrap };
  const outcomes = new Map<PairKind, readonly Outcome[]>();
  for (const [done, kind] of PAIR_KINDS.entries()) {
    assertNotInterrupted("measureIntervention", control.signal);
    control.onProgress?.({ stage: `reading: ${kind}`, done, total: PAIR_KINDS.length });
    outcomes.set(kind, await readKind(inputs, asked, kind, control));
  }
  control.onProgress?.({ stage: "reading: done", done: PAIR_KINDS.length, total: PAIR_KINDS.length });
  return rowsOf(outcomes, settings);
}

function rowsOf(outcomes: ReadonlyMap<PairKind, readonly Outcome[]>, settings: MeasureOptions): Measurement[] {
  const measurables = (kind: PairKind): Measurable[] => {
    const rows = outcomes.get(kind)!;
    const groups = rows.map(({ group }) => group);
    const right = rows.map((row) => row.right);
    const about = { system: kind, subset: ONE_PAIR };
    return [
      { ...about, metric: "accuracy", groups, statistic: shareOf(rows, (row) => row.right), right },
      {
        ...about,
        metric: "likelihood",
        groups,
        statistic: ratioOf(
          rows,
          (row) => row.likelihood,
          () => 1,
        ),
      },
    ];
  };
  const base = measurables(BASE);
  return PAIR_KINDS.flatMap((kind) => {
    const own = measurables(kind);
    const told = outcomes.get(kind)!.filter(({ follows }) => follows !== null);
    const follows: Measurable = {
      ...{ system: kind, subset: ONE_PAIR, metric: "followsCaption", groups: told.map(({ group }) => group) },
      statistic: shareOf(told, (row) => row.follows === true),
    };
    return [
      ...[...own, ...(told.length === 0 ? [] : [follows])].map((what) => measure(what, settings)),
      ...(kind === BASE ? [] : own.map((what, i) => measureDifference(what, base[i]!, settings))),
    ];
  });
}

async function readKind(
  { task, reader }: InterventionInputs,
  asked: readonly Asked[],
  kind: PairKind,
  control: Control,
): Promise<Outcome[]> {
  const pairs = asked.map((one) => ({ example: one.example, passage: one.pairs[kind] }));
  const outcomes = new Array<Outcome>(pairs.length);
  for (const form of ["label", "yesNo"] as const) {
    const places = pairs.flatMap(({ example }, i) => ((example.form ?? "label") === form ? [i] : []));
    const own = places.map((i) => pairs[i]!);
    const said =
      own.length === 0 ? [] : await readPairs({ reader, labels: task.labels }, formOf<AnswerForm>(form), own, control);
    for (const [row, i] of places.entries()) outcomes[i] = outcomeOf(task, own[row]!, said[row]! as object as Said);
  }
  return outcomes;
}

type Said = { readonly answer: number | null; readonly probabilities: readonly number[] };

function outcomeOf(
  { labels }: Task,
  { example, passage }: { readonly example: Example; readonly passage: Passage | null },
  { answer, probabilities }: Said,
): Outcome {
  const truth = example.labels[0]!;
  const named = passage === null ? [] : labelsNamed(passage.text, labels);
  return {
    group: example.group,
    right: answer === truth,
    likelihood: Math.log(Math.max(probabilities[truth]!, Number.MIN_VALUE)),
    follows: named.length === 1 ? answer === named[0] : null,
  };
}

function choose({ task, corpus, lists }: InterventionInputs, numQuestions: number, random: Random): Asked[] {
  const examples = examplesById(task);
  const passages = passagesById(corpus);
  const byDiagnosis = diagnoses(task, corpus);
  const ofOthers = byDiagnosis.map((_, truth) => byDiagnosis.filter((_others, label) => label !== truth).flat());
  const all = [...passages.values()];
  const possible = lists.flatMap(({ exampleId, hits }): Asked[] => {
    const example = exampleOf("measureIntervention", examples, exampleId);
    if (!asksOneLabel(example) || hits.length === 0) return [];
    const pairs = pairsFor(example, {
      task,
      passages,
      byDiagnosis,
      ofOthers,
      all,
      first: hits[0]!.passageId,
      random: random.fork(exampleId),
    });
    return pairs === null ? [] : [{ example, pairs }];
  });
  if (possible.length === 0) {
    throw new DataError(
      "measureIntervention: lists must hold a question of one label for which the corpus has a right and a wrong pair; none has. " +
        "Pass the lists of a system that retrieves, and a corpus whose captions name the task's labels.",
      { task: task.name, corpus: corpus.name },
    );
  }
  return evenly(possible, numQuestions);
}

const asksOneLabel = ({ form = "label", labels }: Example): boolean =>
  (form === "label" || form === "yesNo") && labels.length === 1;

/** Passages by the label that they show; those that show none or several are left out. */
function diagnoses({ labels }: Task, { passages }: Corpus): Passage[][] {
  const byDiagnosis = labels.map((): Passage[] => []);
  for (const passage of passages) {
    const known = labels.find(({ name }) => name === passage.truth);
    const named = known === undefined ? labelsNamed(passage.text, labels) : [known.index];
    if (named.length === 1) byDiagnosis[named[0]!]!.push(passage);
  }
  return byDiagnosis;
}

interface Choosing {
  readonly task: Task;
  readonly passages: ReadonlyMap<string, Passage>;
  readonly byDiagnosis: readonly (readonly Passage[])[];
  /** By label, the passages that show another one. */
  readonly ofOthers: readonly (readonly Passage[])[];
  readonly all: readonly Passage[];
  readonly first: string;
  readonly random: Random;
}

/** Tries at a caption that names the diagnosis and can be swapped. */
const MOST_TRIES = 8;

function pairsFor(
  example: Example,
  { task, passages, byDiagnosis, ofOthers, all, first, random }: Choosing,
): Asked["pairs"] | null {
  const retrieved = passageOf("measureIntervention", passages, first);
  const truth = example.labels[0]!;
  const of = (some: readonly Passage[]): Passage | null =>
    some.length === 0 ? null : some[random.integer(some.length)]!;
  const [right, wrong] = [of(byDiagnosis[truth]!), of(ofOthers[truth]!)];
  const any = of(all);
  const swapped = swappedPair(example, { task, right: byDiagnosis[truth]!, random });
  if (right === null || wrong === null || swapped === null) return null;
  return {
    ...{ "no pair": null, "retrieved pair": retrieved, "right pair": right, "wrong pair": wrong, "random pair": any },
    ...{ "blank pair": blankPair(example), "own picture, swapped caption": swapped },
  };
}

const MADE = { corpus: "made for an intervention", licence: "" } as const;

function blankPair({ id, image }: Example): Passage {
  const blank: RasterImage = { ...image, data: new Uint8Array(image.data.length) };
  return { id: `${id} blank`, ...MADE, image: blank, text: "" };
}

function swappedPair(
  { id, image, labels: [truth] }: Example,
  { task, right, random }: { readonly task: Task; readonly right: readonly Passage[]; readonly random: Random },
): Passage | null {
  const other = (named: number): number => (named + 1 + random.integer(task.labels.length - 1)) % task.labels.length;
  for (let tried = 0; tried < MOST_TRIES && right.length > 0; tried++) {
    const { text } = right[random.integer(right.length)]!;
    if (labelsNamed(text, task.labels)[0] !== truth) continue; // a caption may say otherwise than its picture
    const swapped = withOtherLabel(text, task.labels, other);
    if (swapped !== null) return { id: `${id} swapped`, ...MADE, image, text: swapped };
  }
  return null;
}
