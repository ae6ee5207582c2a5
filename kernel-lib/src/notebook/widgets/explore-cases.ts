import { isInconsistent } from "../../analysis/inconsistency";
import { formOf, isCorrect } from "../../answers/forms";
import { ConfigError, DataError } from "../../base/errors";
import { escapeHtml, visibleText } from "../../base/plain-text";
import { pngUri } from "../../base/png";
import type { Corpus, Example, Label, Passage, Prediction, Reading, Task } from "../../base/types";
import type { MimeBundle } from "../notebook-file";
import { choice, type PlainWidget, slider } from "./controls";
import { interact } from "./interact";

/** One question after the other, with what was retrieved for it and what the reader said of each passage. */

/** Which questions are looked at. */
const SUBSETS = {
  all: () => true,
  inconsistent: isInconsistent,
  wrong: (prediction: Prediction) => !isCorrect(prediction),
  right: isCorrect,
  "inconsistent and wrong": (prediction: Prediction) => isInconsistent(prediction) && !isCorrect(prediction),
} satisfies Record<string, (prediction: Prediction) => boolean>;

type Subset = keyof typeof SUBSETS;
const SUBSET_NAMES = Object.keys(SUBSETS) as Subset[];

/** What the cases are made of. */
export interface ExploreCasesOptions {
  readonly task: Task;
  /** What was searched: an index, or its corpus. Default: readings are shown without their passages. */
  readonly index?: { readonly corpus: Corpus };
  /** Which questions are shown at first. Default "all". */
  readonly subset?: Subset;
}

/** Finds what a prediction speaks of. */
interface Lookup {
  readonly example: (id: string) => Example;
  readonly passage: (id: string) => Passage | undefined;
  readonly labels: readonly Label[];
}

function createLookup({ task, index }: ExploreCasesOptions): Lookup {
  const examples = new Map(Object.values(task.splits).flatMap((split) => split.map((one) => [one.id, one] as const)));
  const passages = new Map(index?.corpus.passages.map((one) => [one.id, one]));
  return {
    labels: task.labels,
    passage: (id) => passages.get(id),
    example(id) {
      const found = examples.get(id);
      if (found !== undefined) return found;
      throw new DataError(`exploreCases: ${id} must be an example of the task ${task.name}; it is none.`, { id });
    },
  };
}

function picture(image: Example["image"], alt: string): string {
  return `<img alt="${escapeHtml(alt)}" width="112" style="image-rendering:pixelated" src="${pngUri(image, 112)}">`;
}

/** An answer in words, with the names of the labels. */
function said(form: Prediction["form"], answer: Prediction["answer"], labels: readonly Label[]): string {
  return answer === null ? "nothing readable" : (formOf(form).wording(answer, labels) ?? "nothing");
}

interface ShownReading {
  readonly place: string;
  readonly weight: string;
  readonly says: string;
  readonly passage: Passage | undefined;
}

function shownReadings(prediction: Prediction, { labels, passage }: Lookup): ShownReading[] {
  return prediction.readings.map((reading: Reading, k) => {
    const { retrieved } = reading;
    return {
      place: retrieved === null ? "closed-book" : `${retrieved.head} ${retrieved.rank + 1}`,
      weight: (prediction.weights[k] ?? 0).toFixed(3),
      says: said(reading.form, reading.answer, labels),
      passage: retrieved === null ? undefined : passage(retrieved.passageId),
    };
  });
}

/** A prediction as a card: the question, every reading with its passage, and what came of them. */
function caseCard(prediction: Prediction, lookup: Lookup): MimeBundle {
  const example = lookup.example(prediction.exampleId);
  const answer = said(prediction.form, prediction.answer, lookup.labels);
  const truth = said(prediction.form, prediction.truth, lookup.labels);
  const verdict = isCorrect(prediction) ? "right" : "wrong";
  const head = `${prediction.system} says ${answer}: ${verdict}, the truth is ${truth}`;
  const readings = shownReadings(prediction, lookup);
  const rows = readings.map(({ place, weight, says, passage }) => {
    const seen = passage === undefined ? "" : picture(passage.image, `passage ${passage.id}`);
    const text = passage === undefined ? "" : `${escapeHtml(passage.text)}<br><small>${escapeHtml(passage.id)}</small>`;
    const cells = [seen, text, escapeHtml(place), weight, `<b>${escapeHtml(says)}</b>`];
    return `<tr>${cells.map((cell) => `<td style="text-align:left">${cell}</td>`).join("")}</tr>`;
  });
  const names = ["passage", "its text", "head, rank", "weight", "the reader says"].map((name) => `<th>${name}</th>`);
  const table =
    rows.length === 0
      ? ""
      : `<table>\n<thead><tr>${names.join("")}</tr></thead>\n<tbody>\n${rows.join("\n")}\n</tbody>\n</table>`;
  const question = `<p>${picture(example.image, `picture of ${example.id}`)} ${escapeHtml(example.question)}</p>`;
  const lines = readings.map(({ place, weight, says, passage }) =>
    visibleText(`${place}, weight ${weight}, says ${says}${passage === undefined ? "" : `: ${passage.text}`}`),
  );
  return {
    "text/html": `<p><b>${escapeHtml(head)}</b> <small>${escapeHtml(example.id)}</small></p>\n${question}\n${table}`,
    "text/plain": [visibleText(`${example.id}: ${example.question}`), ...lines, head].join("\n"),
  };
}

/**
 * A look at single questions: choose a system and a subset (all, inconsistent, wrong, right, inconsistent and wrong), and go
 * through its cases with a slider. Each shows the picture, the retrieved passages, what the reader says with each, the weights and
 * the answer. Where nobody draws widgets the first case is shown.
 *
 * @param predictions of any systems, answered for examples of the task.
 * @throws ConfigError without predictions. DataError for a prediction of another task, in place of its case.
 * @example kernel.widgets.exploreCases([...ftRag, ...jomed], { task, index, subset: "inconsistent" })
 */
export function exploreCases(predictions: readonly Prediction[], options: ExploreCasesOptions): PlainWidget {
  if (predictions.length === 0)
    throw new ConfigError("exploreCases: predictions must hold at least one; got none. Pass what predict() returned.");
  const lookup = createLookup(options);
  const system = choice([...new Set(predictions.map((one) => one.system))], { label: "system" });
  const subset = choice(SUBSET_NAMES, { value: options.subset ?? "all", label: "questions" });
  const cases = (): Prediction[] =>
    predictions.filter((one) => one.system === system.value && SUBSETS[subset.value](one));
  const number = slider({ min: 1, max: Math.max(2, cases().length), step: 1, value: 1, label: "case" });
  const begin = (): void => number.model.set({ max: Math.max(2, cases().length), value: 1 });
  system.onChange(begin);
  subset.onChange(begin);
  return interact(
    ({ case: wanted }) => {
      const found = cases();
      const shown = found[Math.min(Math.round(wanted), found.length) - 1];
      const count = `case ${Math.min(Math.round(wanted), found.length)} of ${found.length}`;
      const card = shown === undefined ? { "text/plain": "no such question" } : caseCard(shown, lookup);
      const html = card["text/html"] === undefined ? {} : { "text/html": `<p>${count}</p>\n${card["text/html"]}` };
      return { toMime: () => ({ ...card, ...html }) };
    },
    { system, questions: subset, case: number },
  );
}
