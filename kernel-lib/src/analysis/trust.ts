import { DataError } from "../base/errors";
import type { Corpus, Prediction, Task } from "../base/types";
import type { PictureFacts } from "../phantoms/phantom";
import { captionReader } from "../systems/caption-vote";
import { type Measurement, type MeasureOptions, measure, ratioOf } from "./measurement";

// How far a reader believes a caption, by how alike the two pictures are. A caption voter believes all alike; a reader that compares
// pictures believes the passage of the question's own pattern more than that of a look-alike.

/** How a passage's picture stands to the question's: all signs of the pattern alike, all but one, fewer, or a picture without signs. */
export const RELATIONS = ["same pattern", "look-alike", "other pattern", "another picture"] as const;
type Relation = (typeof RELATIONS)[number];

/** What is needed besides the predictions. */
export interface TrustInputs extends Pick<MeasureOptions, "bootstrap"> {
  readonly task: Task;
  /** That the passages come from. */
  readonly corpus: Corpus;
  /** The words of every picture. */
  readonly facts: PictureFacts;
}

/** One reading of a passage that names exactly one label. */
interface Told {
  readonly system: string;
  readonly group: string;
  readonly relation: Relation;
  /** Probability that the reading gives the named label. */
  readonly believed: number;
  readonly follows: boolean;
}

/**
 * How much readings believe the one label that their caption names. Rows, per system and relation of the two pictures (subset "same
 * pattern", "look-alike": one sign apart, "other pattern", "another picture": one that shows no signs), where there are such readings:
 * - `trust`: mean probability of the named label;
 * - `followsCaption`: share of the readings whose answer is the named label.
 * Readings without a passage, and captions that name no label or several, are left out.
 *
 * @throws DataError when a passage is not of this corpus, or the facts know nothing of a question's picture.
 * @example measureTrust(ftRag, { task, corpus, facts })
 */
export function measureTrust(predictions: readonly Prediction<"label">[], inputs: TrustInputs): Measurement[] {
  const { task, bootstrap } = inputs;
  const settings: MeasureOptions = { task, ...(bootstrap === undefined ? {} : { bootstrap }) };
  const told = readingsOf(predictions, inputs);
  const systems = [...new Set(told.map(({ system }) => system))];
  return systems.flatMap((system) =>
    RELATIONS.flatMap((relation) => {
      const rows = told.filter((each) => each.system === system && each.relation === relation);
      if (rows.length === 0) return [];
      const row = (metric: string, value: (one: Told) => number): Measurement => {
        const statistic = ratioOf(rows, value, () => 1);
        return measure(
          { system, metric, subset: relation, groups: rows.map(({ group }) => group), statistic },
          settings,
        );
      };
      return [row("trust", ({ believed }) => believed), row("followsCaption", ({ follows }) => (follows ? 1 : 0))];
    }),
  );
}

function readingsOf(predictions: readonly Prediction<"label">[], { task, corpus, facts }: TrustInputs): Told[] {
  const passages = new Map(corpus.passages.map((passage) => [passage.id, passage]));
  const namedBy = captionReader(task.labels);
  const signs = patternSigns(facts);
  return predictions.flatMap(({ system, group, exampleId, readings }) =>
    readings.flatMap(({ retrieved, probabilities, answer }): Told[] => {
      if (retrieved === null) return [];
      const { passageId } = retrieved;
      const passage = passages.get(passageId);
      if (passage === undefined) {
        throw new DataError(
          `measureTrust: corpus must hold every passage that was read; ${passageId} is missing. Pass the corpus that was searched.`,
          { passageId },
        );
      }
      const labels = namedBy(passage);
      const [label] = labels;
      if (labels.length !== 1 || label === undefined) return [];
      const relation = relationOf({ ...facts, signs }, exampleId, passageId);
      return [{ system, group, relation, believed: probabilities[label]!, follows: answer === label }];
    }),
  );
}

/** The signs that patterns are made of: those in which all pictures of a pattern are alike. A mark that only some pictures show is none. */
function patternSigns({ signs, words }: PictureFacts): readonly string[] {
  return signs.filter((sign) => {
    const ofPattern = new Map<string, string | undefined>();
    return [...words.values()].every(({ pattern = "", [sign]: word }) => {
      const known = ofPattern.has(pattern) ? ofPattern.get(pattern) : word;
      ofPattern.set(pattern, known);
      return known === word;
    });
  });
}

function relationOf({ signs, words }: PictureFacts, exampleId: string, passageId: string): Relation {
  const own = words.get(exampleId);
  if (own === undefined) {
    throw new DataError(
      `measureTrust: facts must know the question's picture; nothing is known of ${exampleId}. Pass the facts of this task and seed.`,
      { exampleId },
    );
  }
  const shown = words.get(passageId);
  if (shown === undefined) return "another picture";
  const apart = signs.filter((sign) => own[sign] !== shown[sign]).length;
  return RELATIONS[Math.min(apart, 2)]!;
}
