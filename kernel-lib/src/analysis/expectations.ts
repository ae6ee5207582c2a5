import { wordingOf } from "../answers/forms";
import { assertInRange, assertInteger, assertKnownKeys } from "../base/check";
import { argMax, sum } from "../base/numbers";
import type { Control, Corpus, Example, Head, Matrix, Passage, Task } from "../base/types";
import { evenly } from "../data/by-id";
import type { BootstrapOptions } from "../metrics/bootstrap";
import { smallestEffect } from "../metrics/paired-tests";
import type { PictureFacts } from "../phantoms/phantom";
import type { Reader } from "../reader/reader";
import { HEADS } from "../retriever/retrieve";
import { createFlatIndex } from "../search/flat-index";
import { captionReader, voteOfCaptions, withOtherLabel } from "../systems/caption-vote";
import { trainLinearProbe } from "./linear-probe";
import { type Measurement, type MeasureOptions, measure, ratioOf, shareOf } from "./measurement";

// What can be expected of a task and its corpus before anything is trained: whether the encoder sees what matters, what its nearest
// neighbours agree in, how far a vote of their captions comes, and how small an effect the test split can show.

/** What a frozen encoder made of a task; an Index is one. */
export interface FrozenTask {
  readonly task: Task;
  /** Embeddings of the query pictures. Only training and validation are used: nothing looks at the test pictures. */
  readonly queries: Readonly<Record<"train" | "validation", Matrix>>;
}

/** With a corpus, by picture and by text. */
export interface FrozenCorpus extends FrozenTask {
  readonly corpus: Corpus;
  readonly embeddings: Readonly<Record<Head, Matrix>>;
}

export interface ExpectationOptions {
  /** What is known of the pictures besides their labels: a phantom's. Default nothing. */
  readonly facts?: PictureFacts;
  /** Passages of each head. Default 2, as the systems read. */
  readonly numPerHead?: number;
  /** A reader that reads passages: whether it follows captions is measured too. Stays its owner's. Default none. */
  readonly reader?: Reader;
  /** Stops the reader. */
  readonly control?: Control;
  /** Shares of the questions that two systems answer unlike each other in being right. Default 0.1 and 0.2. */
  readonly changedShares?: readonly number[];
  readonly bootstrap?: BootstrapOptions;
}

const OPTION_NAMES: readonly (keyof ExpectationOptions)[] = [
  ...(["facts", "numPerHead", "reader", "control", "changedShares", "bootstrap"] as const),
];
/** Enough to fit a probe, and quick with the largest tasks. */
const MOST_PROBED = 2000;

/**
 * The table of what to expect. All on the validation split; shares with bootstrap intervals, chance beside each. By system:
 * - `linear probe`, `accuracy`: how often a linear classifier of the frozen embeddings, fitted on training pictures, tells each label
 *   (subset "label", or "label <name>" where several hold) and each sign and nuisance that a phantom knows ("sign grain");
 * - `frozen`, `agreement`: share of the best passages of each head that have the label, each sign or nuisance of the query ("image head",
 *   "text head, nuisance side"); the label's only where passages have a known truth;
 * - `chance`: for each of these, the commonest answer's share, or that of passages drawn at random;
 * - `caption vote`, `accuracy`: the label that most captions of both heads name, without any reader; tasks with labels only;
 * - `reader`, `captionSwap`: with a reader, how many of its readings change when the caption names another label instead (64 questions
 *   at most, each with its best passage that names one); no row where captions do not;
 * - `power`, `smallestEffect`: the difference between two systems that a paired test on the test split finds in four of five
 *   experiments (two-sided, 5 %), where they differ in 10 and in 20 % of the questions.
 * Questions that are answered in words have neither probe nor vote of their label.
 *
 * @throws ConfigError on an option.
 * @example measureExpectations(index, { facts })
 */
export function measureExpectations(
  frozen: FrozenTask | FrozenCorpus,
  options: ExpectationOptions = {},
): Promise<Measurement[]> {
  assertKnownKeys("measureExpectations:", options, OPTION_NAMES);
  const { numPerHead = 2, changedShares = [0.1, 0.2] } = options;
  assertInteger("measureExpectations: numPerHead", numPerHead, 1);
  for (const share of changedShares) assertInRange("measureExpectations: changedShares", share, 0, 1);
  return collect(frozen, options, { numPerHead, changedShares }, { task: frozen.task, bootstrap: options.bootstrap });
}

async function collect(
  frozen: FrozenTask | FrozenCorpus,
  { facts = null, reader, control = {} }: Omit<ExpectationOptions, "facts"> & { readonly facts?: PictureFacts | null },
  { numPerHead, changedShares }: { readonly numPerHead: number; readonly changedShares: readonly number[] },
  settings: MeasureOptions,
): Promise<Measurement[]> {
  const probes = [...labelTargets(frozen.task), ...factTargets(facts)].flatMap((target) =>
    probe(frozen, target, settings),
  );
  const power = changedShares.map((share) => smallestEffectRow(frozen.task, share, settings));
  if (!("corpus" in frozen)) return [...probes, ...power];
  const lists = await nearest(frozen, numPerHead);
  const agreement = HEADS.flatMap((head) =>
    traitsOf(frozen.task, head, facts).flatMap((trait) => agreementRows(frozen, lists[head], trait, settings)),
  );
  const swaps = reader === undefined ? [] : await captionSwaps(frozen, lists, { reader, control, settings });
  return [...probes, ...agreement, ...captionVote(frozen, lists, settings), ...swaps, ...power];
}

// probes

/** Something that a picture has one word for. */
interface Target {
  readonly subset: string;
  /** Null: this picture is left out. */
  readonly wordOf: (example: Example) => string | null;
}

const holdsLabel = ({ form = "label" }: Example): boolean => form === "label" || form === "labels";

function labelTargets({ labels, splits }: Task): Target[] {
  const pictures = splits.train.filter(holdsLabel);
  if (pictures.length === 0) return [];
  if (pictures.every(({ form = "label" }) => form === "label")) {
    return [{ subset: "label", wordOf: (example) => labels[example.labels[0] ?? -1]?.name ?? null }];
  }
  return labels.map(({ index, name }) => ({
    subset: `label ${name}`,
    wordOf: (example) => (holdsLabel(example) ? String(example.labels.includes(index)) : null),
  }));
}

/** Signs and nuisances with what each is. */
const namedFacts = (facts: PictureFacts | null) => [
  ...(facts?.signs.map((name) => ({ name, subset: `sign ${name}` })) ?? []),
  ...(facts?.nuisances.map((name) => ({ name, subset: `nuisance ${name}` })) ?? []),
];

function factTargets(facts: PictureFacts | null): Target[] {
  return namedFacts(facts).map(({ name, subset }) => ({
    subset,
    wordOf: ({ id }) => facts?.words.get(id)?.[name] ?? null,
  }));
}

/** Rows of a matrix, each with the word of its example. */
function withWords(examples: readonly Example[], all: Matrix, { wordOf }: Target, most: number) {
  const kept = examples.flatMap((example, row) => {
    const word = wordOf(example);
    return word === null ? [] : [{ example, row, word }];
  });
  const step = Math.max(1, Math.ceil(kept.length / most)); // from the whole of the split: files may be sorted by label
  const picked = kept.filter((_, i) => i % step === 0);
  const data = new Float32Array(picked.length * all.cols);
  for (const [i, { row }] of picked.entries()) {
    data.set(all.data.subarray(row * all.cols, (row + 1) * all.cols), i * all.cols);
  }
  return { picked, rows: { data, rows: picked.length, cols: all.cols } };
}

function probe({ task, queries }: FrozenTask, target: Target, settings: MeasureOptions): Measurement[] {
  const train = withWords(task.splits.train, queries.train, target, MOST_PROBED);
  const judged = withWords(task.splits.validation, queries.validation, target, MOST_PROBED);
  const words = [...new Set(train.picked.map(({ word }) => word))].sort();
  if (words.length < 2 || judged.picked.length === 0) return [];
  const classes = train.picked.map(({ word }) => words.indexOf(word));
  const told = trainLinearProbe(train.rows, classes, words.length).classify(judged.rows);
  const counts = words.map((_, c) => classes.filter((label) => label === c).length);
  const commonest = words[argMax(counts)]!;
  const row = (system: string, guess: (i: number) => string): Measurement => {
    const places = judged.picked.map((_, i) => i);
    const statistic = shareOf(places, (i) => guess(i) === judged.picked[i]!.word);
    const groups = judged.picked.map(({ example }) => example.group);
    return measure({ system, metric: "accuracy", subset: target.subset, groups, statistic }, settings);
  };
  return [row("linear probe", (i) => words[told[i]!]!), row("chance", () => commonest)];
}

// neighbours

/** For every validation query the places of its best passages. */
type Lists = readonly (readonly number[])[];

async function nearest(frozen: FrozenCorpus, numPerHead: number): Promise<Record<Head, Lists>> {
  const ids = frozen.corpus.passages.map(({ id }) => id);
  const of = async (head: Head): Promise<Lists> => {
    const index = createFlatIndex(ids, frozen.embeddings[head]);
    const hits = await index.search(frozen.queries.validation, numPerHead);
    index.dispose();
    return hits.map(({ positions }) => positions);
  };
  return { image: await of("image"), text: await of("text") };
}

/** Something that pictures may have in common. */
export interface Trait {
  readonly subset: string;
  /** Any of these would agree; none: this query is left out. */
  readonly wanted: (example: Example) => readonly string[];
  /** Null where nobody knows. */
  readonly shown: (passage: Passage) => string | null;
}

/** What a query and a head's passages may have in common: the label, and each sign, nuisance and the pattern that a phantom knows. */
export function traitsOf({ labels }: Task, head: Head, facts: PictureFacts | null): Trait[] {
  const known = facts === null ? [] : [...namedFacts(facts), { name: "pattern", subset: "sign pattern" }];
  return [
    {
      subset: `${head} head`,
      wanted: (example) => example.labels.map((label) => labels[label]!.name),
      shown: ({ truth = null }) => truth,
    },
    ...known.map(({ name, subset }) => ({
      subset: `${head} head, ${subset}`,
      wanted: ({ id }: Example) => [facts?.words.get(id)?.[name] ?? []].flat(),
      shown: ({ id }: Passage) => facts?.words.get(id)?.[name] ?? null,
    })),
  ];
}

/** The lists' share of passages with the query's own trait, and that of all passages; those of unknown trait are left out. */
function agreementRows({ task, corpus }: FrozenCorpus, lists: Lists, trait: Trait, settings: MeasureOptions) {
  const shown = corpus.passages.map(trait.shown);
  const counts = new Map<string, number>();
  for (const word of shown) if (word !== null) counts.set(word, (counts.get(word) ?? 0) + 1);
  const numKnown = sum([...counts.values()]);
  const rows = task.splits.validation.flatMap((example, query) => {
    const wanted = trait.wanted(example);
    const found = lists[query]!.map((place) => shown[place] ?? null).filter((word) => word !== null);
    if (wanted.length === 0 || found.length === 0) return [];
    const agreeing = found.filter((word) => wanted.includes(word)).length;
    const byChance = wanted.reduce((sum, word) => sum + (counts.get(word) ?? 0), 0);
    return [{ group: example.group, found: agreeing / found.length, chance: byChance / numKnown }];
  });
  if (rows.length === 0) return [];
  const groups = rows.map(({ group }) => group);
  const row = (system: string, value: (one: (typeof rows)[number]) => number): Measurement => {
    const statistic = ratioOf(rows, value, () => 1);
    return measure({ system, metric: "agreement", subset: trait.subset, groups, statistic }, settings);
  };
  return [row("frozen", ({ found }) => found), row("chance", ({ chance }) => chance)];
}

// the vote of the captions

/** What the captions elect, in a wording that is the same for equal answers. */
function electedBy(named: readonly (readonly number[])[], form: Example["form"], numLabels: number): string {
  const { label, set } = voteOfCaptions(named, numLabels);
  return form === "labels" ? set.join() : String(label ?? "none");
}

function captionVote({ task, corpus }: FrozenCorpus, lists: Record<Head, Lists>, settings: MeasureOptions) {
  const asked = task.splits.validation.map((example, query) => ({ example, query }));
  const judged = asked.filter(({ example }) => holdsLabel(example));
  if (judged.length === 0) return [];
  const namedBy = captionReader(task.labels);
  const namedAt = (place: number): readonly number[] => namedBy(corpus.passages[place]!);
  const row = (subset: string, heads: readonly Head[]): Measurement => {
    const statistic = shareOf(judged, ({ example, query }) => {
      const named = heads.flatMap((head) => lists[head][query]!.map(namedAt));
      return electedBy(named, example.form, task.labels.length) === example.labels.join();
    });
    const groups = judged.map(({ example }) => example.group);
    return measure({ system: "caption vote", metric: "accuracy", subset, groups, statistic }, settings);
  };
  return [row("all", HEADS), ...HEADS.map((head) => row(`${head} head`, [head]))];
}

// whether a reader follows captions

/** Questions that a reader is asked. */
const MOST_SWAPPED = 64;

interface Swapping {
  readonly reader: Reader;
  readonly control: Control;
  readonly settings: MeasureOptions;
}

/** A question with a passage, and with the same passage whose caption names another label. */
interface Swap {
  readonly example: Example;
  readonly told: Passage;
  readonly swapped: Passage;
}

async function captionSwaps(frozen: FrozenCorpus, lists: Record<Head, Lists>, { reader, control, settings }: Swapping) {
  const { task, corpus } = frozen;
  const possible = task.splits.validation.flatMap((example, query): Swap[] => {
    for (const place of HEADS.flatMap((head) => lists[head][query]!)) {
      const told = corpus.passages[place]!;
      const text = withOtherLabel(told.text, task.labels, (named) => (named + 1) % task.labels.length);
      if (text === null) continue;
      const { id, corpus: source, image, licence } = told;
      return [{ example, told, swapped: { id: `${id} swapped`, corpus: source, image, licence, text } }];
    }
    return [];
  });
  const swaps = evenly(possible, MOST_SWAPPED);
  if (swaps.length === 0) return [];
  const read = async (kind: "told" | "swapped"): Promise<(string | null)[]> => {
    const texts = await reader.writeAnswers(
      swaps.map((swap) => ({ example: swap.example, passage: swap[kind] })),
      control,
    );
    return texts.map((text, i) => wordingOf(text, swaps[i]!.example, task.labels));
  };
  const [before, after] = [await read("told"), await read("swapped")];
  const groups = swaps.map(({ example }) => example.group);
  const statistic = shareOf(
    swaps.map((_, i) => i),
    (i) => before[i] !== after[i],
  );
  return [measure({ system: "reader", metric: "captionSwap", groups, statistic }, settings)];
}

// power

/** Counts groups, as the intervals do; the value is worked out, so it has no interval of its own. */
function smallestEffectRow({ splits }: Task, share: number, settings: MeasureOptions): Measurement {
  const groups = [...new Set(splits.test.map(({ group }) => group))];
  const value = smallestEffect(groups.length, share);
  const subset = `${Math.round(100 * share)} % changed`;
  const what = { system: "power", metric: "smallestEffect", subset, groups, statistic: () => value };
  return measure(what, { ...settings, bootstrap: { numDraws: 1 } });
}
