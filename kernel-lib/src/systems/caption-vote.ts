import { formOf } from "../answers/forms";
import { sum } from "../base/numbers";
import type { AnswerForm, Control, Example, Label, Passage, Prediction } from "../base/types";
import { openFinder, type PassageFinder } from "./retrieval";
import type { System, SystemDefinition, SystemParts } from "./system";

// A vote of the retrieved captions, without any reader: how far one comes by believing what is retrieved. A reader that does no better
// adds nothing to its retriever.

const NUMBERED = /\b(?:class|level) ([\d ,]+)/;

/** The labels that a caption names: by a part of the name, or by number after "class" or "level". */
export function labelsNamed(text: string, labels: readonly Label[]): number[] {
  const said = ` ${text.toLowerCase()} `;
  const numbers: readonly string[] = NUMBERED.exec(said)?.[1]?.match(/\d+/g) ?? [];
  return labels
    .filter(({ name, answer }) => {
      const parts = name.toLowerCase().split(/\s*,\s*/);
      return numbers.includes(answer) || parts.some((part) => said.includes(` ${part} `));
    })
    .map(({ index }) => index);
}

/** Tells which labels passages name; each caption is read once. */
export function captionReader(labels: readonly Label[]): (passage: Passage) => readonly number[] {
  const known = new Map<Passage, readonly number[]>();
  return (passage) => {
    const named = known.get(passage) ?? labelsNamed(passage.text, labels);
    known.set(passage, named);
    return named;
  };
}

/**
 * A caption with another label in the place of the one that it names; null where it does not name exactly one, or does not name the other after
 * the exchange. All else stays.
 */
export function withOtherLabel(
  text: string,
  labels: readonly Label[],
  other: (named: number) => number,
): string | null {
  const [named, ...more] = labelsNamed(text, labels);
  if (named === undefined || more.length > 0) return null;
  const [from, to] = [labels[named]!, labels[other(named)]!];
  const word = to.name.split(/\s*,\s*/)[0]!;
  const parts = from.name.split(/\s*,\s*/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const exchanged = text
    .replaceAll(new RegExp(`(?<=^| )(?:${parts.join("|")})(?= |$)`, "gi"), () => word)
    .replaceAll(new RegExp(`\\b(class|level) ${from.answer}\\b`, "g"), (_all, unit: string) => `${unit} ${to.answer}`);
  const after = labelsNamed(exchanged, labels);
  return after.length === 1 && after[0] === to.index ? exchanged : null;
}

/**
 * How many captions name each label, and what that elects: of single labels the most named, the first named of equals, null where none
 * is named; of sets all that more than half of the captions name.
 */
export function voteOfCaptions(named: readonly (readonly number[])[], numLabels: number) {
  const counts = new Array<number>(numLabels).fill(0);
  for (const label of named.flat()) counts[label]! += 1;
  const most = Math.max(0, ...counts);
  const first = named.flat().find((label) => counts[label] === most) ?? null;
  const held = counts.flatMap((count, label) => (2 * count > named.length ? [label] : []));
  return { counts, label: first, set: held };
}

/** What a vote says without a reader: its answer, and how much of it speaks for each label, [C]. */
interface Voted {
  readonly answer: number | readonly number[] | null;
  /** Of a single label normalised to probabilities; all alike where nothing was said. */
  readonly shares: readonly number[];
}

/** The prediction of a system without readings, for an example that is answered with a label or a set of labels. */
export function votedPrediction(system: string, example: Example, { answer, shares }: Voted): Prediction {
  const { id: exampleId, group, form = "label" } = example;
  const known = { form, system, exampleId, group, truth: formOf(form).truth(example), answer } as const;
  if (form === "labels") return { ...known, shares, weights: [], readings: [] } as Prediction;
  const total = sum(shares);
  const probabilities = shares.map((share) => (total === 0 ? 1 / shares.length : share / total));
  return { ...known, probabilities, weights: [], readings: [] } as Prediction;
}

/** Why a system that answers with what captions name cannot answer these forms; null when it can. */
export function refuseUnlessNamed(forms: readonly AnswerForm[]): string | null {
  const named = forms.every((form) => form === "label" || form === "labels");
  return named ? null : "captions name labels, and some of the questions want other answers";
}

function answerOf(example: Example, named: readonly (readonly number[])[], { name, task }: SystemParts): Prediction {
  const { counts, label, set } = voteOfCaptions(named, task.labels.length);
  if (example.form !== "labels") return votedPrediction(name, example, { answer: label, shares: counts });
  const shares = counts.map((count) => count / Math.max(1, named.length));
  return votedPrediction(name, example, { answer: set, shares });
}

function createVote(parts: SystemParts, finder: PassageFinder): System {
  const namedBy = captionReader(parts.task.labels);
  return {
    answer: async (examples, control: Control = {}) => {
      const lists = await finder.find(examples, control);
      return examples.map((example, i) =>
        answerOf(
          example,
          lists[i]!.map(({ passageId }) => namedBy(finder.passages.get(passageId)!)),
          parts,
        ),
      );
    },
    dispose: () => finder.dispose(),
  };
}

/** The captions of the frozen retriever's passages vote. */
export const CAPTION_VOTE: SystemDefinition = {
  name: "caption-vote",
  label: "caption vote",
  kind: "control",
  needs: { reader: null, retriever: [] },
  settings: { version: 2 },
  refuses: refuseUnlessNamed,
  open: async (parts) => createVote(parts, openFinder(parts)),
};
