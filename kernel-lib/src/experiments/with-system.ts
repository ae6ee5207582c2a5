import { createRandom } from "../base/random";
import type { Head } from "../base/types";
import { loadDualEncoder } from "../models/architectures";
import { type DualEncoder, encodeImages } from "../models/dual-encoder";
import { createDualHead } from "../retriever/dual-head";
import { type LearnedTower, loadLearnedTower } from "../retriever/learned-tower";
import { rerankAtRandom } from "../retriever/retrieve";
import {
  closedBook,
  type Fusion,
  ftRag,
  imageHead,
  jomed,
  type Rerank,
  type RetrievingParts,
  type System,
  textHead,
} from "../systems/system";
import type { Run } from "./run";
import type { Index } from "./stages/corpus-index";
import type { TunedReader } from "./stages/reader";
import type { TunedHeads } from "./stages/retriever";

/** The systems of this release, from plain to full. */
export const SYSTEM_NAMES = ["closed-book", "ft-rag", "text-head", "image-head", "jomed"] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** The heads that a system has learned. */
export const LEARNED_HEADS: Readonly<Record<SystemName, readonly Head[]>> = {
  "closed-book": [],
  "ft-rag": [],
  "text-head": ["text"],
  "image-head": ["image"],
  jomed: ["text", "image"],
};

/** Candidates per head that the control draws from. */
const NUM_DRAWN_FROM = 10;

/** What systems are made of. */
export interface SystemParts {
  readonly system: SystemName;
  readonly reader: TunedReader;
  readonly index?: Index;
  readonly heads?: TunedHeads["heads"];
}

/** What a system is built with, resolved. */
export interface SystemSettings {
  readonly candidates: "best" | "random";
  readonly numPerHead: number;
  readonly learnedWeight: number;
  readonly fusion: Fusion;
}

/** Builds a system, uses it, and frees what was built. */
export async function withSystem<T>(
  run: Run,
  options: SystemParts,
  settings: SystemSettings,
  use: (system: System) => Promise<T>,
): Promise<T> {
  if (options.system === "closed-book") return use(closedBook(options.reader.reader));
  const index = options.index!;
  const clip = loadDualEncoder(index.clip.folder);
  try {
    const retriever = createDualHead({
      encodeFrozen: (images, control) => encodeImages(clip, images, control),
      towers: loadTowers(clip, options),
      learnedWeight: settings.learnedWeight,
    });
    try {
      const passages = new Map(index.corpus.passages.map((passage) => [passage.id, passage]));
      const { numPerHead, fusion, candidates } = settings;
      const parts: RetrievingParts = {
        reader: options.reader.reader,
        retriever,
        views: index.views,
        passages,
        numPerHead,
        fusion,
        ...(candidates === "random" ? { rerank: randomChoice(run, numPerHead) } : {}),
      };
      return await use(
        { "ft-rag": ftRag, "text-head": textHead, "image-head": imageHead, jomed }[options.system](parts),
      );
    } finally {
      retriever.dispose();
    }
  } finally {
    clip.dispose();
  }
}

/** The control of the inconsistency analysis: candidates without regard to their scores. */
function randomChoice(run: Run, numPerHead: number): Rerank {
  const random = createRandom(run.seed).fork("random candidates");
  return {
    numCandidates: NUM_DRAWN_FROM,
    choose: (candidates, example) => rerankAtRandom(candidates, { numPerHead, random: random.fork(example.id) }),
  };
}

function loadTowers(clip: DualEncoder, { system, heads }: SystemParts): Partial<Record<Head, LearnedTower>> {
  return Object.fromEntries(
    LEARNED_HEADS[system].map((head) => [head, loadLearnedTower(clip, heads![head]!.towerFile)]),
  );
}
