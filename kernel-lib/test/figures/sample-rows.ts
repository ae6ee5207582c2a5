import { measureInconsistency } from "../../src/analysis/inconsistency";
import type { Measurement } from "../../src/analysis/measurement";
import { measureOracle } from "../../src/analysis/oracle";
import { createRandom } from "../../src/base/random";
import type { Matrix, Prediction, RasterImage, Reading } from "../../src/base/types";
import type { IdeaInput } from "../../src/figures/idea-figure";

/** Made-up rows with realistic numbers, in the columns of docs/architecture.md: what the figure tests and golden files draw. */

const COMMON = { n: 156, seeds: 1, scale: "replica", data: "phantom" };

export function resultRows(): object[] {
  const values: [string, number, number][] = [
    ["closed-book", 0.821, 0.794],
    ["ft-rag", 0.834, 0.812],
    ["text-head", 0.859, 0.835],
    ["jomed", 0.853, 0.831],
  ];
  return values.flatMap(([system, accuracy, f1]) => [
    { system, metric: "accuracy", value: accuracy, low: accuracy - 0.061, high: accuracy + 0.055, ...COMMON },
    { system, metric: "macroF1", value: f1, low: f1 - 0.068, high: f1 + 0.061, ...COMMON },
  ]);
}

export function differenceRows(): object[] {
  const values: [string, number, number, number][] = [
    ["closed-book", -0.064, -0.112, -0.013],
    ["ft-rag", -0.032, -0.07, 0.006],
    ["text-head", 0.006, -0.019, 0.032],
  ];
  return values.map(([system, value, low, high]) => ({ system, metric: "accuracy", value, low, high, ...COMMON }));
}

export function recallRows(): object[] {
  const hnsw = [8, 16, 32, 64, 128, 256].map((ef, i) => ({
    index: "hnsw",
    ef,
    k: 10,
    recall: [0.71, 0.855, 0.942, 0.982, 0.996, 0.9995][i]!,
    queriesPerSecond: [21000, 15200, 9800, 5900, 3300, 1750][i]!,
  }));
  return [...hnsw, { index: "exact", ef: null, k: 10, recall: 1, queriesPerSecond: 640 }];
}

export function curveRows(): object[] {
  const random = createRandom("curve");
  const rows: object[] = [];
  for (let step = 0; step <= 200; step += 4) {
    const loss = 0.42 + 0.5 * Math.exp(-step / 40);
    rows.push({ stage: "reader", step, split: "train", metric: "loss", value: loss + random.normal(0, 0.03) });
    if (step % 20 !== 0) continue;
    const up = step > 120 ? 0.0006 * (step - 120) : 0;
    rows.push({ stage: "reader", step, split: "validation", metric: "loss", value: loss + 0.04 + up });
    rows.push({
      stage: "reader",
      step,
      split: "validation",
      metric: "accuracy",
      value: 0.86 - 0.2 * Math.exp(-step / 50),
    });
  }
  return rows;
}

const SYSTEMS: [string, number, number][] = [
  ["closed-book", 0.82, 1],
  ["ft-rag", 0.834, 0.28],
  ["text-head", 0.86, 0.25],
  ["jomed", 0.855, 0.19],
];

/** Answers of four systems to 156 questions of two labels; some readings of one question disagree. */
export function samplePredictions(): Prediction<"label">[] {
  const random = createRandom("predictions");
  return SYSTEMS.flatMap(([system, accuracy, share]) =>
    Array.from({ length: 156 }, (_, i) => {
      const truth = i % 10 < 4 ? 0 : 1;
      const closed = system === "closed-book";
      const inconsistent = !closed && random.chance(share);
      const right = random.chance(inconsistent ? accuracy - 0.2 : accuracy + 0.05);
      const wrong = random.chance(0.02) ? null : 1 - truth;
      const answer = right ? truth : wrong;
      const readings = inconsistent
        ? [truth, 1 - truth, truth, truth]
        : new Array<number | null>(closed ? 1 : 4).fill(answer);
      return samplePrediction({ system, exampleId: `example-${i}`, group: `g${i}`, truth, answer, readings });
    }),
  );
}

/** A prediction that says what it is told to. */
export function samplePrediction({
  readings,
  ...told
}: Pick<Prediction<"label">, "system" | "exampleId" | "group" | "truth" | "answer"> & {
  readonly readings: readonly (number | null)[];
}): Prediction<"label"> {
  const { exampleId } = told;
  const read = (answer: number | null): Reading<"label"> => {
    return { form: "label", exampleId, retrieved: null, text: "", answer, logits: [], probabilities: [] };
  };
  const weights = readings.map(() => 1 / readings.length);
  return { form: "label", ...told, probabilities: [], weights, readings: readings.map(read) };
}

/** The columns of the predictions frame that the confusion figure reads. */
export function predictionRows(): object[] {
  return samplePredictions().map(({ system, truth, answer }) => {
    return { system, truth: String(truth), answer: answer === null ? null : String(answer) };
  });
}

export function preferenceRows(count = 10): object[] {
  const random = createRandom("preference");
  const scores = Array.from({ length: count }, () => random.normal(0, 0.2)).sort((a, b) => b - a);
  const gold = scores.map(() => -random.uniform(0.1, 2.5));
  const softmax = (values: number[]): number[] => {
    const weights = values.map(Math.exp);
    const sum = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / sum);
  };
  const prior = softmax(scores);
  const preference = softmax(gold);
  const target = softmax(scores.map((score, k) => score + gold[k]!));
  return prior.map((value, k) => ({
    passageId: `corpus-${1000 + 37 * k}`,
    rank: k,
    prior: value,
    preference: preference[k]!,
    target: target[k]!,
    agrees: gold[k]! > -1 ? 1 : 0,
  }));
}

/** A grey picture with a bright disc whose edge `spikes` makes rough. */
export function sampleImage(seed: string, spikes: number, channels: 1 | 3 = 1, size = 28): RasterImage {
  const random = createRandom(seed);
  const data = new Uint8Array(size * size * channels);
  const phase = random.uniform(0, 6);
  for (let i = 0; i < size * size; i++) {
    const x = ((i % size) - size / 2) / size;
    const y = (Math.floor(i / size) - size / 2) / size;
    const edge = 0.24 * (1 + spikes * Math.sin(6 * Math.atan2(y, x) + phase));
    const value = (Math.hypot(x, y) < edge ? 60 : 130) + random.normal(0, 12);
    for (let c = 0; c < channels; c++) data[i * channels + c] = Math.max(0, Math.min(255, value - 14 * c));
  }
  return { width: size, height: size, channels, data };
}

/** Passages of two findings in 8 dimensions, and one query: the input of embeddingMapRows, apart by `distance`. */
export function sampleEmbeddings(
  distance: number,
  count = 300,
): { embeddings: Matrix; passages: { id: string; truth: string }[]; query: Float32Array } {
  const random = createRandom(`embeddings ${distance}`);
  const data = new Float32Array(count * 8);
  const passages = Array.from({ length: count }, (_, row) => {
    const malignant = row % 5 < 2;
    for (let c = 0; c < 8; c++) {
      const middle = c === 0 && malignant ? distance : 0;
      data[row * 8 + c] = random.normal(middle, c === 1 ? 1.3 : 0.6);
    }
    return { id: `corpus-${row}`, truth: malignant ? "malignant" : "normal or benign" };
  });
  const query = Float32Array.from({ length: 8 }, (_, c) => (c === 0 ? distance * 0.8 : 0.1));
  return { embeddings: { data, rows: count, cols: 8 }, passages, query };
}

/** One query of two labels with `count` retrieved pairs; every third reading answers wrong. */
export function ideaInput(count = 4): IdeaInput {
  const captions = [
    "Breast ultrasound, left side, dense tissue: spiky mass taller than wide with a dark shadow below, malignant.",
    "Sonography of the right breast, device B. Smooth oval lesion, no shadow, normal or benign.",
    "Ultrasound, medium zoom, letter C. Irregular dark mass with shadow.",
    "Left breast ultrasound, fatty tissue, small round lesion with a smooth border and a bright rim, without any shadow, followed up twice over eighteen months without change, normal or benign.",
  ];
  const labels = ["malignant", "normal or benign"].map((name, index) => ({ index, name, answer: String(index) }));
  const passages = Array.from({ length: count }, (_, k) => ({
    id: `corpus-${k}`,
    corpus: "phantom",
    image: sampleImage(`passage ${k}`, k % 2 === 0 ? 0.25 : 0.02),
    text: captions[k % captions.length]!,
    licence: "CC0-1.0",
  }));
  const readings = passages.map((passage, k) => {
    const label = k % 3 === 1 ? 1 : 0;
    const probability = 0.9 - 0.07 * k;
    return {
      form: "label" as const,
      exampleId: "breast-12",
      retrieved: {
        passageId: passage.id,
        head: k % 2 === 0 ? ("image" as const) : ("text" as const),
        score: 0.7,
        rank: k >> 1,
      },
      text: String(label),
      answer: label,
      logits: [0, 0],
      probabilities: label === 0 ? [probability, 1 - probability] : [1 - probability, probability],
    };
  });
  const weights = readings.map((_, k) => (count - k) / ((count * (count + 1)) / 2));
  const fused = readings.reduce((sum, reading, k) => sum + weights[k]! * reading.probabilities[0]!, 0);
  const example = {
    id: "breast-12",
    task: "breast-mnist",
    split: "test" as const,
    image: sampleImage("query", 0.2),
    question: "Is the lesion in this breast ultrasound malignant (0), or normal or benign (1)? Answer with the number.",
    answer: "0",
    labels: [0],
    group: "12",
  };
  const label = fused >= 0.5 ? 0 : 1;
  const prediction = {
    form: "label" as const,
    system: "jomed",
    exampleId: "breast-12",
    group: "12",
    truth: 0,
    answer: label,
    probabilities: [fused, 1 - fused],
    weights,
    readings,
  };
  return { example, prediction, passages, labels };
}

const GRID_TASKS = [
  ["breast-mnist", "accuracy"],
  ["derma-mnist", "accuracy"],
  ["retina-mnist", "accuracy"],
  ["vindr-pcxr", "exactMatch"],
  ["brset", "exactMatch"],
  ["vqa-rad", "closedAccuracy"],
] as const;

/** Results frame rows of several tasks, made up. */
export function taskResultRows(): object[] {
  return GRID_TASKS.flatMap(([task, metric], t) =>
    ["closed-book", "ft-rag", "text-head", "image-head", "jomed"].map((system, s) => {
      const value = 0.5 + 0.05 * t + 0.02 * s;
      const facts = { n: 100 + t, seeds: 1, scale: "replica", data: "phantom" };
      return { task, system, metric, value, low: value - 0.06, high: value + 0.05, ...facts };
    }),
  );
}

/** Inconsistency and oracle of one system on several tasks, of made-up answers. */
export function taskOracleRows(): Measurement[] {
  return GRID_TASKS.flatMap(([name], t) => {
    const predictions = Array.from({ length: 40 }, (_, i) => {
      const [right, inconsistent, possible] = [i % (t + 2) > 0, i % (t + 3) === 0, i % (2 * (t + 2)) > 0];
      const wrong = inconsistent ? [1, null, 1, 1] : [1, 1, 1, 1];
      const any = inconsistent ? [0, 1, 0, 0] : [0, 0, 0, 0];
      const readings = possible ? any : wrong;
      const ids = { exampleId: `${name}-${i}`, group: `${name}-${Math.floor(i / 2)}` };
      return samplePrediction({ system: "ft-rag", ...ids, truth: 0, answer: right ? 0 : 1, readings });
    });
    const task = { name, source: "phantom" } as const;
    return [...measureInconsistency(predictions, { task }), ...measureOracle(predictions, { task })];
  });
}

/** A sweep of three dials, as measureSweep gives it: gains rise with knowledge and fall with visibility; predicted ones a little higher. */
export function sweepRows(): object[] {
  return [1, 0.5].flatMap((visibility) =>
    [1, 0.5].flatMap((pull) =>
      [0, 0.35, 0.7, 1].flatMap((knowledge) => {
        const task = `casebook:knowledge=${knowledge}:visibility=${visibility}:pull=${pull}`;
        const gain = 0.07 * knowledge * visibility * (pull === 1 ? 1 : 0.6) - 0.003;
        const row = { task, knowledge, visibility, pull, alike: 1 / 6, n: 3000, seeds: 3 };
        return [
          { ...row, measure: "gain", value: gain, low: gain - 0.012, high: gain + 0.013 },
          { ...row, measure: "predictedGain", value: 1.2 * gain + 0.002, low: null, high: null },
          { ...row, measure: "ragGain", value: 4 * gain, low: 4 * gain - 0.02, high: 4 * gain + 0.02 },
        ];
      }),
    ),
  );
}

/** As measureFusionWeights gives them: two temperatures. */
export function fusionWeightRows(): object[] {
  const row = (temperature: number, metric: string, value: number) => ({
    ...{ task: "casebook", system: "jomed", subset: `temperature ${temperature}`, metric, value },
    ...{ low: value - 0.001, high: value + 0.001, n: 5000, seeds: 5, scale: "replica", data: "phantom" },
  });
  return [
    ...[row(1, "largestWeight", 0.253), row(1, "equalWeight", 0.25), row(1, "sameAsEqual", 0.998)],
    ...[row(0.01, "largestWeight", 0.407), row(0.01, "equalWeight", 0.25), row(0.01, "sameAsEqual", 0.945)],
  ];
}

/** As boardRows gives them: a claim of each verdict. */
export function findingRows(): object[] {
  const row = (claim: string, verdict: string, value: number | null, published: number | null, because = "") => ({
    ...{ claim, says: `It is ${claim}`, verdict, because, unit: "points", value },
    ...{ low: value === null ? null : value - 0.01, high: value === null ? null : value + 0.01 },
    ...{ publishedLow: published, publishedHigh: published === null ? null : published + 0.01 },
  });
  return [
    ...[row("text-head", "reproduced", 0.025, 0.02), row("both-heads", "contradicted", -0.03, null)],
    ...[row("one-loss", "inconclusive", 0.002, null, "no such effect"), row("others", "not run", null, 0.03)],
  ];
}
