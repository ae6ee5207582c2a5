import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { Fusion } from "../answers/form";
import { assertInteger } from "../base/check";
import type { Head, Matrix, Passage, Split } from "../base/types";
import type { RetrieverLossOptions } from "../losses/losses";
import { loadDualEncoder, loadReaderModel } from "../models/architectures";
import type { DualEncoder } from "../models/dual-encoder/encoder";
import { holdsLora, loadLora, saveLora } from "../models/lora/peft-files";
import { openTunedReader } from "../reader/local-reader";
import { createLearnedTower, embedInBatches, loadLearnedTower } from "../retriever/learned-tower";
import { mixEmbeddings } from "../retriever/mix";
import { HEADS } from "../retriever/retrieve";
import { makeFolder } from "../store/files";
import { bestRows, headInputs, openScores, scoreFrozenCandidates } from "../training/over-index";
import { type ReadableExample, trainReader } from "../training/reader-stage";
import type { QuerySet } from "../training/retriever-options";
import { trainRetrieverHead } from "../training/retriever-stage";
import { ADAPTER, headTowerFile, writeCost } from "./own-training";
import { openTunedReading } from "./reading";
import { openFinder } from "./retrieval";
import type { System, SystemDefinition, SystemParts, TrainingContext } from "./system";

// Joint training of reader and retriever, as ATLAS and REVEAL: rounds in which first the heads learn from the reader of the moment and then
// the reader from what the heads of the moment find. One round is JOMED's schedule: heads after the reader, to the bit.

/** How reader and retriever are trained together. */
export interface JointOptions {
  readonly loss: NonNullable<RetrieverLossOptions["loss"]>;
  /** Rounds of heads, with the reader between them, ≥ 1. Their steps share those of stage 2; the reader's between two rounds are as many parts of stage 1. Default 3. */
  readonly rounds?: number;
  /** Default "probabilities". */
  readonly fusion?: Fusion;
}

/** The order in which heads are trained. */
const ORDER: readonly Head[] = ["text", "image"];

/** What a joint training works with from round to round. */
interface JointWork {
  readonly parts: SystemParts;
  readonly context: TrainingContext;
  readonly encoder: DualEncoder;
  readonly loss: JointOptions["loss"];
  readonly rounds: number;
}

/** A reader and towers, by their files; no towers: the frozen heads. */
interface Trained {
  readonly adapter: string;
  readonly towers: Readonly<Partial<Record<Head, string>>>;
}

async function trainJointly(folder: string, work: JointWork): Promise<void> {
  const { parts, context, rounds } = work;
  let trained: Trained = { adapter: parts.readerFolders!.adapter, towers: {} };
  let readerPasses = 0;
  for (let round = 1; round <= rounds; round++) {
    const own = join(context.resumeDir, `round-${round}`);
    makeFolder(own);
    if (round > 1) trained = { ...trained, adapter: await trainReaderOn(own, work, trained, round) };
    const { towers, read } = await trainHeadsOn(own, work, trained, round);
    trained = { ...trained, towers };
    readerPasses += read;
  }
  cpSync(trained.adapter, join(folder, ADAPTER), { recursive: true });
  for (const head of ORDER) cpSync(trained.towers[head]!, join(folder, headTowerFile(head)));
  writeCost(folder, { readerPasses });
}

/** The part of so many steps that a round has. */
const shareOf = (steps: number, rounds: number): number => Math.max(1, Math.round(steps / rounds));

/** Both heads, one after the other, against the reader of the round; from where they stood. */
async function trainHeadsOn(own: string, work: JointWork, trained: Trained, round: number) {
  const { parts, context } = work;
  const { task, index } = parts;
  const options = context.options.retriever!;
  const reader = round === 1 ? parts.reader! : openTunedReader(parts.readerFolders!.checkpoint, trained.adapter);
  try {
    const asked = { reader, labels: task.labels, preference: options.preference };
    const base = join(own, "scores.bin");
    const known = openScores(asked, { file: base });
    if (round === 1) {
      const scoring = { task, index: index!, scores: known.scores };
      await scoreFrozenCandidates(scoring, options, context.control);
    }
    const towers: Partial<Record<Head, string>> = {};
    let read = known.cacheSize();
    for (const head of ORDER) {
      const { scores, cacheSize } = openScores(asked, { file: join(own, `${head}-scores.bin`), base: [base] });
      towers[head] = await trainHead(own, work, { head, round, scores, start: trained.towers[head] ?? null });
      read += cacheSize() - known.cacheSize();
    }
    return { towers, read };
  } finally {
    if (round > 1) reader.dispose();
  }
}

interface HeadWork {
  readonly head: Head;
  readonly round: number;
  readonly scores: ReturnType<typeof openScores>["scores"];
  /** Where the head stood; null: frozen. */
  readonly start: string | null;
}

async function trainHead(own: string, work: JointWork, { head, round, scores, start }: HeadWork): Promise<string> {
  const file = join(own, headTowerFile(head));
  if (existsSync(file)) return file;
  const { parts, context, encoder, loss, rounds } = work;
  const { task, index, learnedWeight, seed } = parts;
  const options = context.options.retriever!;
  const steps = shareOf(options.steps, rounds);
  const tower = start === null ? createLearnedTower(encoder) : loadLearnedTower(encoder, start);
  try {
    const inputs = headInputs(task, index!, head, options);
    const found =
      start === null
        ? {}
        : {
            candidates: await inputs.search(await queriesOf(tower, inputs.train, learnedWeight), options.numCandidates),
          };
    const stateFile = join(own, `${head}-state.safetensors`);
    await trainRetrieverHead(
      {
        ...inputs,
        ...found,
        tower,
        scores,
        seed: round === 1 ? seed : `${seed}/round ${round}`,
        stateFile,
        control: context.control,
      },
      { ...options, loss, learnedWeight, steps, warmupSteps: Math.min(options.warmupSteps, steps - 1) },
    );
    tower.save(file);
    return file;
  } finally {
    tower.dispose();
  }
}

/** Query embeddings of a split under a learned tower, [n, D]. */
async function queriesOf(
  tower: Parameters<typeof embedInBatches>[0],
  { examples, frozen }: QuerySet,
  learnedWeight: number,
): Promise<Matrix> {
  const images = examples.map(({ image }) => image);
  return mixEmbeddings(await embedInBatches(tower, images), frozen, learnedWeight);
}

/** The reader goes on, on what the towers find now; returns the adapter's folder. */
async function trainReaderOn(
  own: string,
  work: JointWork,
  { adapter, towers }: Trained,
  round: number,
): Promise<string> {
  const folder = join(own, ADAPTER);
  if (holdsLora(folder)) return folder;
  const { parts, context, encoder, rounds } = work;
  const options = context.options.reader!;
  const model = loadReaderModel(parts.readerFolders!.checkpoint);
  try {
    const trained = await trainReader(
      {
        model,
        adapter: loadLora(model.parameters, adapter),
        train: await readableOf(parts, encoder, towers, "train"),
        validation: await readableOf(parts, encoder, towers, "validation"),
        seed: parts.seed + round,
        stateFile: join(own, "reader-state.safetensors"),
        control: context.control,
      },
      { ...options, steps: shareOf(options.steps, rounds) },
    );
    saveLora(trained.adapter, folder);
    trained.adapter.dispose();
    return folder;
  } finally {
    model.dispose();
  }
}

/** Each question of a split with what both towers find for it, each passage once. */
async function readableOf(
  parts: SystemParts,
  encoder: DualEncoder,
  towers: Trained["towers"],
  split: Split,
): Promise<ReadableExample[]> {
  const { task, index, numPerHead, learnedWeight } = parts;
  const queries = { examples: task.splits[split], frozen: index!.queries[split] };
  const found: (readonly (readonly number[])[])[] = [];
  for (const head of HEADS) {
    const tower = loadLearnedTower(encoder, towers[head]!);
    try {
      found.push(await bestRows(index!, head, await queriesOf(tower, queries, learnedWeight), numPerHead));
    } finally {
      tower.dispose();
    }
  }
  return task.splits[split].map((example, i) => {
    const rows = new Set(found.flatMap((lists) => lists[i]!));
    return { example, passages: [...rows].map((row): Passage => index!.corpus.passages[row]!) };
  });
}

/**
 * A system whose reader and retriever are trained together.
 *
 * Paper: arXiv 2208.03299 (ATLAS) and 2212.05221 (REVEAL). Shared: a loss on the retriever from what the reader makes of each candidate, the reader
 * trained on what the retriever finds, candidates found anew as the queries move. Not shared: their readers see all passages in one pass (here each in
 * its own), both are updated in every step (here in turns, so that a reading can be kept), their retrievers are trained on both sides (here the
 * corpus side is frozen, ATLAS's "query-side" fine-tuning), and nothing is pre-trained jointly: stage 1's reader is the start.
 *
 * @throws ConfigError on the rounds.
 */
export function jointSystem(name: string, label: string, options: JointOptions): SystemDefinition {
  const { loss, rounds = 3, fusion = "probabilities" } = options;
  assertInteger("jointSystem: rounds", rounds, 1);
  return {
    ...{ name, label, kind: "compared", needs: { reader: "retrieval", retriever: [] }, settings: { fusion } },
    ownTraining: {
      version: 1,
      config: { loss, rounds },
      follows: ["reader", "retriever"],
      train: async (folder, parts, context) => {
        const encoder = loadDualEncoder(parts.index!.encoder.folder);
        try {
          await trainJointly(folder, { parts, context, encoder, loss, rounds });
        } finally {
          encoder.dispose();
        }
      },
    },
    open: async (parts) => openJoint(parts, fusion),
  };
}

function openJoint(parts: SystemParts, fusion: Fusion): System {
  const trained = parts.trained!;
  const towers = Object.fromEntries(ORDER.map((head) => [head, join(trained, headTowerFile(head))]));
  return openTunedReading(parts, join(trained, ADAPTER), { finder: openFinder({ ...parts, towers }), fusion });
}
