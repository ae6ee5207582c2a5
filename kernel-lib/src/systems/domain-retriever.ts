import { existsSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { argMax } from "../base/numbers";
import { createRandom, type Random } from "../base/random";
import type { Control, Matrix, Retrieved } from "../base/types";
import { passagesById } from "../data/by-id";
import { loadDualEncoder } from "../models/architectures";
import { contrastiveLoss, type DualEncoder, encodeImages } from "../models/dual-encoder/encoder";
import { createLearnedTower, type EncoderTower, embedInBatches, loadLearnedTower } from "../retriever/learned-tower";
import { readJson, writeJson } from "../store/files";
import { createBatchOrder, type Trainee, trainLoop } from "../training/loop";
import type { RetrieverStageOptions } from "../training/retriever-options";
import { takeRows } from "../training/retriever-stage";
import { cosineSchedule } from "../training/schedule";
import { domainTowerFile } from "./own-training";
import type { PassageFinder } from "./retrieval";
import type { SearchedParts, SystemParts, TrainingContext } from "./system";

// A retriever for each domain of a corpus, as MMed-RAG has: which domain a picture is of is told first, then that domain's own query tower
// searches that domain's captions. Domains are clusters of the corpus' pictures.

/** A corpus cut into domains: their directions, [M, D], and the domain of each passage, [N]. */
export interface Domains {
  readonly centroids: readonly (readonly number[])[];
  readonly domainOf: readonly number[];
}

const MOST_ROUNDS = 20;
const NUM_TRIES = 8;
const DOMAINS_FILE = "domains.json";

const rowAt = ({ data, cols }: Matrix, row: number): Float32Array => data.subarray(row * cols, (row + 1) * cols);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
};

/** Which centroid a direction is nearest to; of equals the first. */
export function nearestDomain(centroids: Domains["centroids"], row: ArrayLike<number>): number {
  return argMax(centroids.map((centroid) => dot(centroid, row)));
}

/**
 * Cuts rows of length 1 into clusters by direction: spherical k-means from rows drawn by chance, the best of eight tries. A cluster without a row is
 * dropped, so there are fewer than asked for where rows are few or alike.
 *
 * Shapes: rows [N, D] -> at most `numDomains` centroids and N domains.
 */
export function findDomains(rows: Matrix, numDomains: number, random: Random): Domains {
  const tries = Array.from({ length: NUM_TRIES }, (_, i) => clusterOnce(rows, numDomains, random.fork(`try ${i}`)));
  return tries.reduce((best, each) => (each.nearness > best.nearness + 1e-9 ? each : best)).domains;
}

function clusterOnce(rows: Matrix, numDomains: number, random: Random) {
  const all = Array.from({ length: rows.rows }, (_, i) => rowAt(rows, i));
  let centroids = random
    .shuffle(all)
    .slice(0, numDomains)
    .map((row) => [...row]);
  let domainOf: number[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = all.map((row) => nearestDomain(centroids, row));
    if (next.every((domain, i) => domain === domainOf[i])) break;
    const there = [...centroids.keys()].filter((domain) => next.includes(domain));
    domainOf = next.map((domain) => there.indexOf(domain));
    centroids = there.map((domain, i) => meanDirection(rows, domainOf, i) ?? centroids[domain]!);
  }
  const nearness = all.reduce((sum, row, i) => sum + dot(row, centroids[domainOf[i]!]!), 0) / all.length;
  return { domains: { centroids, domainOf }, nearness };
}

/** The normalised mean of a domain's rows; null where it has none, or they cancel. */
function meanDirection(rows: Matrix, domainOf: readonly number[], domain: number): number[] | null {
  const sum = new Array<number>(rows.cols).fill(0);
  domainOf.forEach((own, i) => {
    if (own !== domain) return;
    const row = rowAt(rows, i);
    for (let d = 0; d < rows.cols; d++) sum[d]! += row[d]!;
  });
  const length = Math.hypot(...sum);
  return length > 1e-9 ? sum.map((value) => value / length) : null;
}

/** What training the domains' retrievers takes besides the parts. */
interface DomainOptions {
  readonly numDomains: number;
  /** Steps, batch and rates of each tower. */
  readonly retriever: RetrieverStageOptions;
}

/** Finds the domains of a corpus, trains a query tower for each on its own pairs, and writes them into a folder. Resumable. */
export async function trainDomains(
  folder: string,
  { index, seed }: SystemParts,
  { control, resumeDir }: Pick<TrainingContext, "control" | "resumeDir">,
  { numDomains, retriever }: DomainOptions,
): Promise<void> {
  const domains = findDomains(index!.embeddings.image, numDomains, createRandom(seed).fork("domains"));
  const encoder = loadDualEncoder(index!.encoder.folder);
  try {
    for (const domain of domains.centroids.keys()) {
      const file = join(folder, domainTowerFile(domain));
      if (existsSync(file)) continue;
      const rows = domains.domainOf.flatMap((own, row) => (own === domain ? [row] : []));
      const stateFile = join(resumeDir, `domain-${domain}-state.safetensors`);
      const tower = createLearnedTower(encoder);
      try {
        await trainTower({
          tower,
          encoder,
          index: index!,
          rows,
          retriever,
          seed: `${seed}/domain ${domain}`,
          stateFile,
          control,
        });
        tower.save(file);
      } finally {
        tower.dispose();
      }
    }
  } finally {
    encoder.dispose();
  }
  writeJson(folder, DOMAINS_FILE, domains);
}

interface TowerWork {
  readonly tower: EncoderTower;
  readonly encoder: DualEncoder;
  readonly index: SearchedParts;
  /** The domain's passages. */
  readonly rows: readonly number[];
  readonly retriever: RetrieverStageOptions;
  readonly seed: string;
  readonly stateFile: string;
  readonly control: Control;
}

/** One passage of ten is held out, and decides the kept weights. */
const HELD_OUT = 10;
const MOST_HELD_OUT = 128;

/** Draws each picture of a domain to its own caption's frozen embedding, away from the others' of the batch. */
async function trainTower({
  tower,
  encoder,
  index,
  rows,
  retriever,
  seed,
  stateFile,
  control,
}: TowerWork): Promise<void> {
  const heldOut = rows.filter((_, i) => i % HELD_OUT === HELD_OUT - 1).slice(0, MOST_HELD_OUT);
  const train = rows.filter((_, i) => i % HELD_OUT !== HELD_OUT - 1);
  if (train.length < 2 || heldOut.length < 2) return; // too few to tell one from another: the frozen tower stays
  const { steps, learningRate, warmupSteps, evaluateEvery, weightDecay = 0.01 } = retriever;
  const order = createBatchOrder({
    numExamples: train.length,
    batchSize: Math.min(retriever.batchSize, train.length),
    seed: `${seed}/order`,
  });
  const lossOf = (some: readonly number[]): tf.Scalar => {
    const { data, rows: count, cols } = takeRows(index.embeddings.text, some);
    const texts = tf.tensor2d(data, [count, cols]);
    const images = tower.embed(some.map((row) => index.corpus.passages[row]!.image));
    return contrastiveLoss(images, texts, encoder.parameters.get("logit_scale"));
  };
  const trainee: Trainee<readonly number[]> = {
    stage: "domain retriever",
    variables: tower.variables,
    prepare: async (step) => order(step).map((i) => train[i]!),
    loss: lossOf,
    release: () => {},
    evaluate: async () => {
      const loss = tf.tidy(() => lossOf(heldOut).dataSync()[0]!);
      return { score: -loss, values: { loss } };
    },
  };
  const schedule = cosineSchedule({ learningRate, steps, warmupSteps });
  await trainLoop(trainee, { steps, schedule, evaluateEvery, seed, adamw: { weightDecay }, stateFile, control });
}

/**
 * Finds the best captions of each query's domain, as many as `kept` says of their scores, best first.
 *
 * Memory: opens the encoder and the towers; dispose() frees them.
 */
export function openDomainFinder(
  { index }: SystemParts,
  folder: string,
  { most, kept }: { readonly most: number; readonly kept: (scores: readonly number[]) => number },
): PassageFinder {
  const { corpus, views, encoder: frozen } = index as SearchedParts;
  const { centroids, domainOf } = readJson<Domains>(folder, DOMAINS_FILE);
  const encoder = loadDualEncoder(frozen.folder);
  const towers = centroids.map((_, domain) => loadLearnedTower(encoder, join(folder, domainTowerFile(domain))));
  const domains = new Map(corpus.passages.map(({ id }, row) => [id, domainOf[row]!]));
  return {
    passages: passagesById(corpus),
    find: async (examples, control) => {
      const images = examples.map(({ image }) => image);
      const seen = await encodeImages(encoder, images, control);
      const asked = images.map((_, i) => nearestDomain(centroids, rowAt(seen, i)));
      const lists = new Array<Retrieved[]>(images.length);
      for (const [domain, tower] of towers.entries()) {
        const own = asked.flatMap((each, i) => (each === domain ? [i] : []));
        if (own.length === 0) continue;
        const queries = await embedInBatches(
          tower,
          own.map((i) => images[i]!),
          control,
        );
        const hits = await views.text.search(queries, most, { accept: (id) => domains.get(id) === domain });
        hits.forEach(({ ids, scores }, q) => {
          const some = ids.slice(0, kept(scores));
          lists[own[q]!] = some.map((passageId, rank) => ({ passageId, head: "text", score: scores[rank]!, rank }));
        });
      }
      return lists;
    },
    dispose: () => {
      for (const tower of towers) tower.dispose();
      encoder.dispose();
    },
  };
}
