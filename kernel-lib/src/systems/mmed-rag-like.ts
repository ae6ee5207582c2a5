import { cpSync } from "node:fs";
import { join } from "node:path";
import { formOf, isCorrect, wordingOf } from "../answers/forms";
import { fusionWeights } from "../answers/fusion";
import { argMax } from "../base/numbers";
import { createRandom, type Random } from "../base/random";
import type { Example, Label, Passage, Prediction, RasterImage, Retrieved } from "../base/types";
import { loadReaderModel } from "../models/architectures";
import { holdsLora, loadLora, saveLora } from "../models/lora/peft-files";
import type { ReadPair } from "../reader/reader";
import { HEADS } from "../retriever/retrieve";
import { readJson, writeJson } from "../store/files";
import { type PreferencePair, type PreferenceStageOptions, trainPreferences } from "../training/preference-stage";
import type { ReaderStageOptions } from "../training/reader-stage";
import { openDomainFinder, trainDomains } from "./domain-retriever";
import { ADAPTER, writeCost } from "./own-training";
import { openTunedReading } from "./reading";
import type { PassageFinder } from "./retrieval";
import type { System, SystemDefinition, SystemParts, TrainingContext } from "./system";

// What MMed-RAG stands for in the paper's tables: a retriever for each domain, as many contexts as their scores advise, and a reader tuned by
// preferences, away from answers that ignore the picture and from answers that follow a wrong context.

const NUM_DOMAINS = 3;
/** Largest log-ratio of a score to the next that still keeps the next; null: all are kept. Tried in this order on validation. */
const RATIOS: readonly (number | null)[] = [null, 0.2, 0.1, 0.05, 0.02, 0.01];
const BETA = 0.1;
/** Questions asked for preferences, and pairs kept of each kind, per split. */
const MOST_ASKED = { train: 600, validation: 200 } as const;
const MOST_OF_KIND = { train: 400, validation: 100 } as const;
const CHOICE_FILE = "choice.json";
const PAIRS_FILE = "preferences.json";

/**
 * How many contexts are read: all before the first whose score falls behind the one before it by a log-ratio of more than `maxRatio`.
 *
 * Paper: arXiv 2410.13085 (MMed-RAG): contexts are cut off where log(S_i / S_i+1) exceeds a threshold. A score that is not positive ends the list.
 * @param scores best first.
 * @param maxRatio null: all of them.
 * @example keptContexts([0.9, 0.8, 0.4], 0.5)   // 2, for log(0.8 / 0.4) = 0.69
 */
export function keptContexts(scores: readonly number[], maxRatio: number | null): number {
  if (maxRatio === null) return scores.length;
  const cut = scores.findIndex((score, i) => i > 0 && (score <= 0 || Math.log(scores[i - 1]! / score) > maxRatio));
  return cut < 0 ? scores.length : cut;
}

/** What the reader wrote about one question: with each context, with each but a picture of noise, and without any. */
export interface Written {
  readonly example: Example;
  readonly passages: readonly Passage[];
  readonly own: readonly string[];
  readonly blind: readonly string[];
  readonly alone: string;
}

/** Pairs of the two kinds. */
export interface PreferenceKinds {
  readonly ignoresPicture: readonly PreferencePair[];
  readonly followsContext: readonly PreferencePair[];
}

/**
 * The pairs that a question gives, the true answer always the chosen one. "ignoresPicture": what is written with noise in the picture's place, where
 * that is wrong. "followsContext": what is written with a context, where that is wrong and the answer is right with another context or with none.
 * Answers that cannot be read are left out.
 */
export function pairsOf({ example, passages, own, blind, alone }: Written, labels: readonly Label[]): PreferenceKinds {
  const said = (text: string): string | null => wordingOf(text, example, labels);
  const truth = said(example.answer);
  const isWrong = (text: string): boolean => said(text) !== null && said(text) !== truth;
  const isKnown = [alone, ...own].some((text) => said(text) === truth);
  const against = (texts: readonly string[]): PreferencePair[] =>
    passages.flatMap((passage, k) => {
      const rejected = texts[k]!.trim();
      return isWrong(rejected) ? [{ pair: { example, passage }, chosen: example.answer, rejected }] : [];
    });
  return { ignoresPicture: against(blind), followsContext: isKnown ? against(own) : [] };
}

/** A picture of noise, of the same size. */
function noiseLike({ width, height, channels, data }: RasterImage, random: Random): RasterImage {
  return { width, height, channels, data: Uint8Array.from(data, () => random.integer(256)) };
}

/** Up to so many of a list, drawn by chance, in the list's order. */
function draw<T>(list: readonly T[], most: number, random: Random): T[] {
  const places = random.shuffle(list.map((_, i) => i)).slice(0, most);
  return places.sort((a, b) => a - b).map((place) => list[place]!);
}

async function writeAll(
  parts: SystemParts,
  finder: PassageFinder,
  examples: readonly Example[],
  context: TrainingContext,
) {
  const { control } = context;
  const random = createRandom(parts.seed).fork("noise");
  const found = await finder.find(examples, control);
  const asked = examples.map((example, i) => {
    const passages = found[i]!.map(({ passageId }) => finder.passages.get(passageId)!);
    return { example, passages, noisy: { ...example, image: noiseLike(example.image, random.fork(example.id)) } };
  });
  const pairs = asked.flatMap(({ example, passages, noisy }): ReadPair[] => [
    { example, passage: null },
    ...passages.map((passage) => ({ example, passage })),
    ...passages.map((passage) => ({ example: noisy, passage })),
  ]);
  const texts = await parts.reader!.writeAnswers(pairs, control);
  let next = 0;
  const take = (count: number): string[] => {
    next += count;
    return texts.slice(next - count, next);
  };
  const written = asked.map(({ example, passages }): Written => {
    const [alone] = take(1);
    return { example, passages, alone: alone!, own: take(passages.length), blind: take(passages.length) };
  });
  return { written, read: pairs.length };
}

/** Pairs of a split, at most so many of each kind. */
async function collectPairs(
  parts: SystemParts,
  finder: PassageFinder,
  split: keyof typeof MOST_ASKED,
  context: TrainingContext,
) {
  const random = createRandom(parts.seed).fork(`preferences ${split}`);
  const examples = draw(parts.task.splits[split], MOST_ASKED[split], random.fork("questions"));
  const { written, read } = await writeAll(parts, finder, examples, context);
  const kinds = written.map((each) => pairsOf(each, parts.task.labels));
  const kept = (kind: keyof PreferenceKinds): PreferencePair[] =>
    draw(
      kinds.flatMap((each) => each[kind]),
      MOST_OF_KIND[split],
      random.fork(kind),
    );
  const [ignoresPicture, followsContext] = [kept("ignoresPicture"), kept("followsContext")];
  const count = { ignoresPicture: ignoresPicture.length, followsContext: followsContext.length };
  return { pairs: [...ignoresPicture, ...followsContext], count, read };
}

/** A quarter of stage 1's steps, at a tenth of its rate; a pair is two prompts. */
function preferenceOptions(reader: ReaderStageOptions): PreferenceStageOptions {
  const steps = Math.max(1, Math.round(reader.steps / 4));
  const batchSize = Math.max(1, Math.round(reader.batchSize / 2));
  const { weightDecay = 0.01, clipNorm = 1 } = reader;
  const evaluateEvery = Math.min(steps, reader.evaluateEvery);
  return { steps, batchSize, learningRate: reader.learningRate / 10, weightDecay, clipNorm, evaluateEvery, beta: BETA };
}

async function train(folder: string, parts: SystemParts, context: TrainingContext): Promise<void> {
  const { retriever, reader } = context.options;
  await trainDomains(folder, parts, context, { numDomains: NUM_DOMAINS, retriever: retriever! });
  const finder = openDomainFinder(parts, folder, { most: mostContexts(parts), kept: (scores) => scores.length });
  try {
    if (!holdsLora(join(folder, ADAPTER))) {
      const taught = await collectPairs(parts, finder, "train", context);
      const judged = await collectPairs(parts, finder, "validation", context);
      writeJson(folder, PAIRS_FILE, { read: taught.read + judged.read, train: taught.count, validation: judged.count });
      const pairs = { train: taught.pairs, validation: judged.pairs };
      await tuneByPreferences(folder, parts, context, { ...pairs, options: preferenceOptions(reader!) });
    }
    const { read } = readJson<{ read: number }>(folder, PAIRS_FILE);
    const chosen = await chooseRatio(folder, parts, finder, context);
    writeJson(folder, CHOICE_FILE, { maxRatio: chosen.maxRatio });
    writeCost(folder, { readerPasses: read + chosen.read });
  } finally {
    finder.dispose();
  }
}

/** As many contexts at most as the others read with both heads. */
const mostContexts = ({ numPerHead }: SystemParts): number => HEADS.length * numPerHead;

interface Preferences {
  readonly train: readonly PreferencePair[];
  readonly validation: readonly PreferencePair[];
  readonly options: PreferenceStageOptions;
}

/** Writes the tuned adapter; stage 1's where there is nothing to prefer. */
async function tuneByPreferences(
  folder: string,
  { readerFolders, seed }: SystemParts,
  { resumeDir, control }: TrainingContext,
  { options, ...pairs }: Preferences,
): Promise<void> {
  const { checkpoint, adapter: before } = readerFolders!;
  if (pairs.train.length === 0 || pairs.validation.length === 0) {
    cpSync(before, join(folder, ADAPTER), { recursive: true });
    return;
  }
  const model = loadReaderModel(checkpoint);
  try {
    const adapter = loadLora(model.parameters, before);
    const stateFile = join(resumeDir, "preferences-state.safetensors");
    await trainPreferences({ model, adapter, ...pairs, seed, stateFile, control }, options);
    saveLora(adapter, join(folder, ADAPTER));
    adapter.dispose();
  } finally {
    model.dispose();
  }
}

/** The ratio with which most validation questions are answered rightly; of equals the one that keeps more. Each context is read once. */
async function chooseRatio(folder: string, parts: SystemParts, finder: PassageFinder, { control }: TrainingContext) {
  const { labels, splits } = parts.task;
  const whole = { finder: { ...finder, dispose: () => {} }, fusion: "probabilities" } as const;
  const system = openTunedReading(parts, join(folder, ADAPTER), whole);
  try {
    const predictions = await system.answer(splits.validation, control);
    const right = RATIOS.map((ratio) => predictions.filter((each) => isCorrect(cutTo(each, ratio, labels))).length);
    const read = predictions.reduce((sum, { readings }) => sum + readings.length, 0);
    return { maxRatio: RATIOS[argMax(right)]!, read };
  } finally {
    system.dispose();
  }
}

/** A prediction from the contexts alone that a ratio keeps. */
function cutTo(prediction: Prediction, maxRatio: number | null, labels: readonly Label[]): Prediction {
  const { form, readings } = prediction;
  const found = readings.flatMap(({ retrieved }): Retrieved[] => (retrieved === null ? [] : [retrieved]));
  const count = keptContexts(
    found.map(({ score }) => score),
    maxRatio,
  );
  if (count === readings.length) return prediction;
  const fused = formOf(form).fuse(readings.slice(0, count), fusionWeights(found.slice(0, count)), {
    labels,
    fusion: "probabilities",
  });
  return { ...prediction, ...fused } as Prediction;
}

function open(parts: SystemParts): System {
  const folder = parts.trained!;
  const { maxRatio } = readJson<{ maxRatio: number | null }>(folder, CHOICE_FILE);
  const kept = (scores: readonly number[]): number => keptContexts(scores, maxRatio);
  const finder = openDomainFinder(parts, folder, { most: mostContexts(parts), kept });
  return openTunedReading(parts, join(folder, ADAPTER), { finder, fusion: "probabilities" });
}

/**
 * The row of MMed-RAG.
 *
 * Paper: arXiv 2410.13085. What is shared and what not: docs/systems.md.
 */
export const MMED_RAG_LIKE: SystemDefinition = {
  name: "mmed-rag-like",
  label: "MMed-RAG-like",
  kind: "compared",
  needs: { reader: "retrieval", retriever: [] },
  settings: { version: 1 },
  ownTraining: {
    version: 1,
    config: { numDomains: NUM_DOMAINS, ratios: RATIOS, beta: BETA },
    follows: ["reader", "retriever"],
    train,
  },
  open: async (parts) => open(parts),
};
