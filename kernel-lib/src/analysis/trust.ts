import { assertOneOf } from "../base/check";
import { DataError } from "../base/errors";
import type { Corpus, Prediction, Task } from "../base/types";
import { passageOf, passagesById } from "../data/by-id";
import type { Statistic } from "../metrics/bootstrap";
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
  /**
   * Which questions: "all", or "unmarked", those whose picture does not show the diagnosis by a mark. Of a marked one a reader doubts a wrong
   * caption without comparing pictures. Default "all".
   */
  readonly questions?: "all" | "unmarked";
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
 * - `followsCaption`: share of the readings whose answer is the named label;
 * - `trustGap`, for every relation but the first: trust in passages of the same pattern minus trust in these, over the same drawn questions; above
 *   0 the reader tells them apart. A draw without one of the two kinds takes that kind's mean of all readings.
 * Readings without a passage, and captions that name no label or several, are left out.
 *
 * @throws DataError when a passage is not of this corpus, or the facts know nothing of a question's picture.
 * @example measureTrust(ftRag, { task, corpus, facts })
 */
export function measureTrust(
  predictions: readonly Prediction<"label" | "yesNo">[],
  inputs: TrustInputs,
): Measurement[] {
  const { task, bootstrap, questions = "all" } = inputs;
  assertOneOf("measureTrust: questions", questions, ["all", "unmarked"]);
  const settings: MeasureOptions = { task, bootstrap };
  const markOf = ({ exampleId }: Prediction): string => inputs.facts.words.get(exampleId)?.["mark"] ?? "none";
  const told = readingsOf(
    questions === "all" ? predictions : predictions.filter((each) => markOf(each) === "none"),
    inputs,
  );
  const systems = [...new Set(told.map(({ system }) => system))];
  return systems.flatMap((system) => {
    const ofRelation = (relation: Relation): Told[] =>
      told.filter((each) => each.system === system && each.relation === relation);
    const same = ofRelation(RELATIONS[0]);
    return RELATIONS.flatMap((relation) => {
      const rows = ofRelation(relation);
      if (rows.length === 0) return [];
      const row = (metric: string, of: readonly Told[], statistic: Statistic): Measurement =>
        measure({ system, metric, subset: relation, groups: of.map(({ group }) => group), statistic }, settings);
      const share = (metric: string, value: (one: Told) => number): Measurement =>
        row(
          metric,
          rows,
          ratioOf(rows, value, () => 1),
        );
      return [
        ...[share("trust", ({ believed }) => believed), share("followsCaption", ({ follows }) => (follows ? 1 : 0))],
        ...(relation === RELATIONS[0] || same.length === 0
          ? []
          : [row("trustGap", [...same, ...rows], gapOf(same, rows))]),
      ];
    });
  });
}

/** Mean belief of the first minus that of the second kind of readings, of the drawn rows of both, the first kind's standing first. */
function gapOf(first: readonly Told[], second: readonly Told[]): Statistic {
  const meanOf = (rows: readonly Told[]): number => rows.reduce((sum, { believed }) => sum + believed, 0) / rows.length;
  const wholes = [meanOf(first), meanOf(second)];
  const values = [...first, ...second].map(({ believed }) => believed);
  return (picked) => {
    const [sums, counts] = [
      [0, 0],
      [0, 0],
    ];
    for (const row of picked) {
      const kind = row < first.length ? 0 : 1;
      sums[kind]! += values[row]!;
      counts[kind]! += 1;
    }
    const [one, other] = sums.map((sum, kind) => (counts[kind] === 0 ? wholes[kind]! : sum / counts[kind]!));
    return one! - other!;
  };
}

function readingsOf(
  predictions: readonly Prediction<"label" | "yesNo">[],
  { task, corpus, facts }: TrustInputs,
): Told[] {
  const passages = passagesById(corpus);
  const namedBy = captionReader(task.labels);
  const signs = patternSigns(facts);
  return predictions.flatMap(({ system, group, exampleId, readings }) =>
    readings.flatMap(({ retrieved, probabilities, answer }): Told[] => {
      if (retrieved === null) return [];
      const { passageId } = retrieved;
      const labels = namedBy(passageOf("measureTrust", passages, passageId));
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
