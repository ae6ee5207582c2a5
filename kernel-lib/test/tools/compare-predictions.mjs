/**
 * Compares the stored predictions of two artifacts folders value for value, to the last bit.
 *
 *   node kernel-lib/test/tools/compare-predictions.mjs <folder> <other folder>
 *
 * Predictions are paired by what the grid's records say they answer: source, profile, task, reader, seed and system
 * (data/artifacts/grid/<source>-<profile>/cells/*.json). What is compared, per example: true answer, answer, probabilities or shares, fusion
 * weights, and of each reading its text, answer, logits, probabilities and what was retrieved. Neither the order of the examples nor
 * the layout of the files counts: a folder may hold predictions of one form per file (predictions.json with trueLabel and label,
 * label-sets.json with trueLabels and labels, words.json with trueAnswer and answer) or all in predictions.json (truth and answer).
 *
 * Exit code 0: all equal. 1: a value differs, or a prediction has no partner. 2: nothing to compare.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const say = (line) => process.stdout.write(`${line}\n`);
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** The predictions a grid has stored: cell name -> artifact folder. */
function cellsIn(artifacts) {
  const grid = join(artifacts, "grid");
  if (!existsSync(grid)) return new Map();
  const folders = readdirSync(grid).map((name) => join(grid, name, "cells"));
  const records = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith(".json"))
    .map(readJson)
    .filter(({ kind }) => kind === "predictions");
  return new Map(
    records.map(({ source, profile, task, backbone, seed, system, key }) => [
      [source, profile, task, backbone, seed, system].join(" / "),
      join(artifacts, "predictions", key),
    ]),
  );
}

const sorted = (labels) => (labels === null ? null : [...labels].sort((a, b) => a - b));

/** A reading or prediction of any layout as plain values; `said` of a reading is what the reader wrote. */
function plainReading(reading, kind) {
  const { exampleId, retrieved, logits, probabilities } = reading;
  const old = !("form" in reading);
  const said = old ? reading.answer : reading.text;
  const parsed = old ? { label: reading.label, labels: reading.labels }[kind] : reading.answer;
  const answer = kind === "words" ? undefined : kind === "labels" ? sorted(parsed) : parsed; // words say it in their text
  return { exampleId, retrieved, said, answer, logits, probabilities };
}

function kindOf(prediction) {
  if ("form" in prediction) return prediction.form === "yesNo" ? "label" : prediction.form;
  if ("trueLabel" in prediction) return "label";
  return "trueLabels" in prediction ? "labels" : "words";
}

function plainPrediction(prediction) {
  const kind = kindOf(prediction);
  const { system, exampleId, group, probabilities, shares, weights } = prediction;
  const old = !("form" in prediction);
  const truth = old
    ? { label: prediction.trueLabel, labels: prediction.trueLabels, words: prediction.trueAnswer }[kind]
    : prediction.truth;
  const answer = old
    ? { label: prediction.label, labels: prediction.labels, words: prediction.answer }[kind]
    : prediction.answer;
  const order = kind === "labels" ? sorted : (value) => value;
  const readings = prediction.readings.map((reading) => plainReading(reading, kind));
  return {
    kind,
    system,
    exampleId,
    group,
    truth: order(truth),
    answer: order(answer),
    probabilities,
    shares,
    weights,
    readings,
  };
}

/** Every prediction of an artifact by example. */
export function predictionsIn(folder) {
  const files = ["predictions.json", "label-sets.json", "words.json"].map((name) => join(folder, name));
  const all = files.filter((file) => existsSync(file)).flatMap(readJson);
  return new Map(all.map((prediction) => [prediction.exampleId, plainPrediction(prediction)]));
}

/** Where two values differ, as paths; numbers must be the same double. */
export function differences(first, second, path = "") {
  if (Object.is(first, second)) return [];
  const nested = (value) => typeof value === "object" && value !== null;
  if (!nested(first) || !nested(second)) return [`${path}: ${JSON.stringify(first)} and ${JSON.stringify(second)}`];
  const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
  return [...keys].flatMap((key) => differences(first[key], second[key], `${path}/${key}`));
}

const numbersIn = (value) => {
  if (typeof value === "number") return 1;
  return typeof value === "object" && value !== null
    ? Object.values(value).reduce((sum, each) => sum + numbersIn(each), 0)
    : 0;
};

/** Compares two artifacts; says at most five differences. */
function compareCell(name, folder, other) {
  const [mine, theirs] = [predictionsIn(folder), predictionsIn(other)];
  const ids = [...new Set([...mine.keys(), ...theirs.keys()])];
  const found = ids.flatMap((id) => differences(mine.get(id), theirs.get(id), id));
  const readings = [...mine.values()].reduce((sum, each) => sum + each.readings.length, 0);
  const numbers = numbersIn([...mine.values()]);
  const verdict = found.length === 0 && ids.length > 0 ? "equal" : `${found.length} differences`;
  say(`${name}: ${ids.length} predictions, ${readings} readings, ${numbers} numbers: ${verdict}`);
  for (const line of found.slice(0, 5)) say(`  ${line}`);
  return { equal: found.length === 0 && ids.length > 0, predictions: ids.length, readings, numbers };
}

function main([first, second]) {
  if (first === undefined || second === undefined) {
    say("usage: compare-predictions.mjs <artifacts folder> <other artifacts folder>");
    return 2;
  }
  const [mine, theirs] = [cellsIn(first), cellsIn(second)];
  const shared = [...mine.keys()].filter((name) => theirs.has(name)).sort();
  const alone = [...mine.keys(), ...theirs.keys()].filter((name) => !mine.has(name) || !theirs.has(name)).sort();
  const results = shared.map((name) => compareCell(name, mine.get(name), theirs.get(name)));
  for (const name of alone) say(`${name}: only in ${mine.has(name) ? first : second}`);
  const sum = (field) => results.reduce((total, each) => total + each[field], 0);
  const equal = results.filter((each) => each.equal).length;
  say(
    `${equal} of ${shared.length} equal, ${alone.length} without a partner; ${sum("predictions")} predictions, ${sum("readings")} readings, ${sum("numbers")} numbers`,
  );
  if (shared.length === 0) return 2;
  return equal === shared.length && alone.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) process.exitCode = main(process.argv.slice(2));
