import { createRandom, type Random } from "../base/random";
import type { Control, Example, Head, Passage, Retrieved } from "../base/types";
import { passagesById } from "../data/by-id";
import { loadDualEncoder } from "../models/architectures";
import { type DualEncoder, encodeImages } from "../models/dual-encoder/encoder";
import { createDualHead, type DualHeadRetriever } from "../retriever/dual-head";
import { type LearnedTower, loadLearnedTower } from "../retriever/learned-tower";
import { type CorpusViews, HEADS, rerankAtRandom, retrieve } from "../retriever/retrieve";
import type { SystemParts } from "./system";

/** Where the passages come from that a system reads. */
export interface PassageFinder {
  /** By id: every passage that `find` may name. */
  readonly passages: ReadonlyMap<string, Passage>;
  /** The passages to read for each example, in the order of its readings; where there is none, the example is read by itself. */
  find(examples: readonly Example[], control: Control): Promise<readonly (readonly Retrieved[])[]>;
  dispose(): void;
}

/** Closed-book: nothing is retrieved. */
export const NO_PASSAGES: PassageFinder = {
  passages: new Map(),
  find: async (examples) => examples.map(() => []),
  dispose: () => {},
};

/** What a finder over a retriever of two heads is made of. */
export interface FinderParts {
  /** Becomes the finder's. */
  readonly retriever: DualHeadRetriever;
  /** What is searched, by picture and by text. */
  readonly views: CorpusViews;
  /** All that the views hold. */
  readonly passages: readonly Passage[];
  /** Passages per head (reference code: 2). */
  readonly numPerHead: number;
}

/** The `numPerHead` best passages of both heads for each example. */
export function createFinder({ retriever, views, passages, numPerHead }: FinderParts): PassageFinder {
  return {
    passages: passagesById({ passages }),
    find: async (examples, control) => {
      const images = examples.map((example) => example.image);
      const queries = {
        image: await retriever.queryEmbeddings(images, "image", control),
        text: await retriever.queryEmbeddings(images, "text", control),
      };
      return retrieve(views, queries, { numPerHead, control });
    },
    dispose: () => retriever.dispose(),
  };
}

/**
 * The retriever of the paper over the index that a system is given: a head is learned where there is a tower for it, else frozen.
 *
 * Memory: opens the frozen encoder and the towers; dispose() frees them.
 */
export function openFinder({ index, towers, learnedWeight, numPerHead }: SystemParts): PassageFinder {
  const { corpus, views } = index!;
  const encoder = loadDualEncoder(index!.encoder.folder);
  try {
    const retriever = createDualHead({
      encodeFrozen: (images, control) => encodeImages(encoder, images, control),
      towers: loadTowers(encoder, towers),
      learnedWeight,
    });
    const finder = createFinder({ retriever, views, passages: corpus.passages, numPerHead });
    const dispose = (): void => {
      finder.dispose();
      encoder.dispose();
    };
    return { ...finder, dispose };
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

function loadTowers(
  encoder: DualEncoder,
  files: Readonly<Partial<Record<Head, string>>>,
): Partial<Record<Head, LearnedTower>> {
  return Object.fromEntries(Object.entries(files).map(([head, file]) => [head, loadLearnedTower(encoder, file)]));
}

/** Passages per head that are looked at where not the best are read. */
export const NUM_DRAWN_FROM = 10;

/** The control of the inconsistency analysis: as many passages as usual, drawn without regard to their scores. */
export function openRandomFinder(parts: SystemParts): PassageFinder {
  const { numPerHead, seed } = parts;
  const candidates = openFinder({ ...parts, numPerHead: NUM_DRAWN_FROM });
  const random = createRandom(seed).fork("random candidates");
  return {
    ...candidates,
    find: async (examples, control) => {
      const lists = await candidates.find(examples, control);
      return lists.map((list, i) => rerankAtRandom(list, { numPerHead, random: random.fork(examples[i]!.id) }));
    },
  };
}

/**
 * The other control: as many passages as usual, drawn from the whole corpus, each query's own. No encoder is opened, and all scores are 0,
 * so that the readings count alike.
 */
export function openCorpusFinder({ index, numPerHead, seed }: SystemParts): PassageFinder {
  const { passages } = index!.corpus;
  const random = createRandom(seed).fork("corpus candidates");
  const drawFor = (id: string): Retrieved[] => {
    const drawn = drawPlaces(passages.length, HEADS.length * numPerHead, random.fork(id));
    return drawn.map((place, i) => {
      const [head, rank] = [HEADS[Math.floor(i / numPerHead)]!, i % numPerHead];
      return { passageId: passages[place]!.id, head, rank, score: 0 };
    });
  };
  return {
    passages: passagesById({ passages }),
    find: async (examples) => examples.map(({ id }) => drawFor(id)),
    dispose: () => {},
  };
}

/** Different places of a list by chance; all of them where it is short. */
function drawPlaces(length: number, count: number, random: Random): number[] {
  const drawn = new Set<number>();
  while (drawn.size < Math.min(count, length)) drawn.add(random.integer(length));
  return [...drawn];
}
