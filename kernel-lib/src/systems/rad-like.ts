import { assertInRange, assertNotInterrupted } from "../base/check";
import { argMax, sum } from "../base/numbers";
import { softmax } from "../base/softmax";
import type { Control, Example, Head, Matrix } from "../base/types";
import { passagesById } from "../data/by-id";
import { accuracy, macroF1 } from "../metrics/answers";
import { loadDualEncoder } from "../models/architectures";
import { encodeImages } from "../models/dual-encoder/encoder";
import { normaliseRows } from "../retriever/mix";
import { HEADS } from "../retriever/retrieve";
import { createFlatIndex } from "../search/flat-index";
import { readJson, writeJson } from "../store/files";
import { captionReader, refuseUnlessNamed, votedPrediction } from "./caption-vote";
import type { SearchedParts, System, SystemDefinition, SystemParts } from "./system";

// Classification by retrieval, as RAD: the labels of the nearest training pictures and those that the nearest captions name, weighted
// by how near they are. No reader, and nothing is trained: four numbers are chosen on the validation split.

/** Something near a query that has labels. */
export interface Neighbour {
  /** Inner product with the query. */
  readonly score: number;
  readonly labels: readonly number[];
}

/** What is near one query, each list best first: labelled training pictures, and captions by each head. */
export interface Neighbourhood {
  readonly labelled: readonly Neighbour[];
  /** Without the captions that name no label: they say nothing. */
  readonly captions: Readonly<Record<Head, readonly Neighbour[]>>;
}

/** How neighbours are weighed. */
export interface NeighbourWeights {
  /** Of each list, at least 1. */
  readonly numNeighbours: number;
  /** Of the softmax over a list's scores, > 0: small trusts the nearest alone. */
  readonly temperature: number;
  /** Share of the captions in the answer, in [0, 1]; the rest is the training pictures'. */
  readonly captionShare: number;
}

/** What was chosen on validation. `thresholds`: from which share on a label is in the set, [C]; only of label sets. */
export interface NeighbourChoice extends NeighbourWeights {
  readonly thresholds: readonly number[] | null;
}

const NUM_NEIGHBOURS = [4, 8, 16, 32];
const TEMPERATURES = [0.01, 0.03, 0.1, 0.3, 1];
const CAPTION_SHARES = [0, 0.25, 0.5, 0.75, 1];
/** Nearest to one half first: of equally good thresholds the least extreme is taken. */
const THRESHOLDS = Array.from({ length: 19 }, (_, i) => (i + 1) / 20).sort(
  (a, b) => Math.abs(a - 0.5) - Math.abs(b - 0.5),
);
const CHOICE_FILE = "choice.json";

/** How much of one list speaks for each label: softmax(score / temperature) of the best, added up by label, [C]. */
function sharesOfList(list: readonly Neighbour[], numLabels: number, weights: NeighbourWeights): number[] {
  const best = list.slice(0, weights.numNeighbours);
  const shares = new Array<number>(numLabels).fill(0);
  if (best.length === 0) return shares;
  const trust = softmax(
    best.map(({ score }) => score),
    weights.temperature,
  );
  best.forEach(({ labels }, i) => {
    for (const label of labels) shares[label]! += trust[i]!;
  });
  return shares;
}

/**
 * How much of a neighbourhood speaks for each label, [C], each in [0, 1]. Both heads' captions count alike; a list without an entry leaves its
 * part to the others.
 *
 * @throws ConfigError on a caption share outside [0, 1].
 * @example neighbourShares({ labelled: [{ score: 1, labels: [1] }], captions: { image: [], text: [] } }, 2, weights)   // [0, 1]
 */
export function neighbourShares(near: Neighbourhood, numLabels: number, weights: NeighbourWeights): number[] {
  const { captionShare } = weights;
  assertInRange("neighbourShares: captionShare", captionShare, 0, 1);
  const parts = [
    { list: near.labelled, part: 1 - captionShare },
    ...HEADS.map((head) => ({ list: near.captions[head], part: captionShare / HEADS.length })),
  ].filter(({ list, part }) => list.length > 0 && part > 0);
  const total = parts.reduce((sum, { part }) => sum + part, 0);
  const shares = new Array<number>(numLabels).fill(0);
  for (const { list, part } of parts) {
    sharesOfList(list, numLabels, weights).forEach((share, label) => {
      shares[label]! += (part / total) * share;
    });
  }
  return shares;
}

/**
 * From which share on a label is in the answer: for each label the threshold of 0.05, 0.10 … 0.95 with the best F1, of equals the one nearest
 * to one half; so one half for a label that is never true.
 *
 * Shapes: shares n x [C], n true sets -> [C].
 */
export function chooseThresholds(
  shares: readonly (readonly number[])[],
  truth: readonly (readonly number[])[],
  numLabels: number,
): number[] {
  return Array.from({ length: numLabels }, (_, label) => {
    const f1 = THRESHOLDS.map((threshold) => {
      const said = shares.map((row) => row[label]! >= threshold);
      const both = truth.filter((set, i) => set.includes(label) && said[i]).length;
      const either = truth.filter((set) => set.includes(label)).length + said.filter(Boolean).length;
      return either === 0 ? 0 : (2 * both) / either;
    });
    return THRESHOLDS[argMax(f1)]!;
  });
}

/** The labels that an answer holds: with thresholds a set, else the one of the largest share, null where nothing speaks for any. */
function answerOf(shares: readonly number[], thresholds: readonly number[] | null): number | number[] | null {
  if (thresholds !== null) return shares.flatMap((share, label) => (share >= thresholds[label]! ? [label] : []));
  const most = Math.max(...shares);
  return most > 0 ? shares.indexOf(most) : null;
}

/**
 * The weights with which validation questions are answered best, all combinations tried: by accuracy, of label sets by macro-F1 with thresholds of
 * their own; of equals the one that trusts the true labels more.
 *
 * @param near of each example.
 */
export function chooseWeights(
  near: readonly Neighbourhood[],
  examples: readonly Example[],
  numLabels: number,
): NeighbourChoice {
  const asSets = examples.some(({ form }) => form === "labels");
  const truth = examples.map(({ labels }) => labels);
  const tried = NUM_NEIGHBOURS.flatMap((numNeighbours) =>
    TEMPERATURES.flatMap((temperature) =>
      CAPTION_SHARES.map((captionShare) => {
        const weights = { numNeighbours, temperature, captionShare };
        const shares = near.map((each) => neighbourShares(each, numLabels, weights));
        const thresholds = asSets ? chooseThresholds(shares, truth, numLabels) : null;
        const answers = shares.map((row) => answerOf(row, thresholds));
        return {
          choice: { ...weights, thresholds },
          quality: qualityOf(answers, truth, numLabels),
          trust: trustIn(shares, truth),
        };
      }),
    ),
  );
  return tried.reduce((best, each) => {
    const gain = each.quality - best.quality || each.trust - best.trust;
    return gain > 1e-12 ? each : best;
  }).choice;
}

function qualityOf(
  answers: readonly (number | readonly number[] | null)[],
  truth: readonly (readonly number[])[],
  numLabels: number,
): number {
  if (answers.some((answer) => Array.isArray(answer))) return macroF1(answers, truth, numLabels);
  return accuracy(
    answers as readonly (number | null)[],
    truth.map(([label]) => label!),
  );
}

/** Mean share of the true labels less that of the others. */
function trustIn(shares: readonly (readonly number[])[], truth: readonly (readonly number[])[]): number {
  const margins = shares.map((row, i) =>
    row.reduce((sum, share, label) => sum + (truth[i]!.includes(label) ? share : -share), 0),
  );
  return sum(margins) / Math.max(1, margins.length);
}

/** What is near each query in a task's training split and in its corpus. */
function openNeighbours({ task, index }: SystemParts) {
  const { corpus, views, queries } = index as SearchedParts;
  const { train } = task.splits;
  const pictures = createFlatIndex(
    train.map(({ id }) => id),
    queries.train,
  );
  const passageOf = passagesById(corpus);
  const namedBy = captionReader(task.labels);
  const most = Math.max(...NUM_NEIGHBOURS);
  const captionsOf = async (head: Head, embeddings: Matrix): Promise<Neighbour[][]> =>
    (await views[head].search(embeddings, most)).map(({ ids, scores }) =>
      ids
        .map((id, i) => ({ score: scores[i]!, labels: namedBy(passageOf.get(id)!) }))
        .filter(({ labels }) => labels.length > 0),
    );
  return {
    /** Shapes: embeddings [Q, D] -> Q neighbourhoods. */
    find: async (embeddings: Matrix): Promise<Neighbourhood[]> => {
      const near = (await pictures.search(embeddings, most)).map(({ positions, scores }) =>
        positions.map((row, i) => ({ score: scores[i]!, labels: train[row]!.labels })),
      );
      const [image, text] = [await captionsOf("image", embeddings), await captionsOf("text", embeddings)];
      return near.map((labelled, i) => ({ labelled, captions: { image: image[i]!, text: text[i]! } }));
    },
    dispose: () => pictures.dispose(),
  };
}

async function choose(folder: string, parts: SystemParts, control: Control): Promise<void> {
  const { labels, splits } = parts.task;
  const neighbours = openNeighbours(parts);
  try {
    const near = await neighbours.find(parts.index!.queries.validation);
    assertNotInterrupted("rad-like", control.signal);
    const choice = chooseWeights(near, splits.validation, labels.length);
    writeJson(folder, CHOICE_FILE, choice);
  } finally {
    neighbours.dispose();
  }
}

function openVote(parts: SystemParts): System {
  const { name, task } = parts;
  const choice = readJson<NeighbourChoice>(parts.trained!, CHOICE_FILE);
  const encoder = loadDualEncoder(parts.index!.encoder.folder);
  const neighbours = openNeighbours(parts);
  return {
    answer: async (examples, control = {}) => {
      const images = examples.map(({ image }) => image);
      const near = await neighbours.find(normaliseRows(await encodeImages(encoder, images, control)));
      return examples.map((example, i) => {
        const shares = neighbourShares(near[i]!, task.labels.length, choice);
        return votedPrediction(name, example, { answer: answerOf(shares, choice.thresholds), shares });
      });
    },
    dispose: () => {
      neighbours.dispose();
      encoder.dispose();
    },
  };
}

/**
 * What RAD stands for in the paper's tables: classification by retrieval, without a reader.
 *
 * Shared with such systems: the label comes from what is near, weighted by a softmax of the similarity. Not shared: no encoder is trained and no
 * classifier on top; the frozen encoder of all systems is asked, and number of neighbours, temperature, the captions' share and the thresholds of
 * label sets are chosen on validation.
 */
export const RAD_LIKE: SystemDefinition = {
  name: "rad-like",
  label: "RAD-like",
  kind: "compared",
  needs: { reader: null, retriever: [] },
  settings: { version: 1 },
  refuses: refuseUnlessNamed,
  ownTraining: {
    version: 1,
    config: { numNeighbours: NUM_NEIGHBOURS, temperatures: TEMPERATURES, captionShares: CAPTION_SHARES },
    train: (folder, parts, { control }) => choose(folder, parts, control),
  },
  open: async (parts) => openVote(parts),
};
