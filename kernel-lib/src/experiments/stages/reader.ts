import { join } from "node:path";
import { wordingOf } from "../../answers/forms";
import { assertOneOf } from "../../base/check";
import type { Control, CurvePoint, Label, Passage, Split, Task } from "../../base/types";
import { loadReaderModel } from "../../models/architectures";
import { adapterWeightsFile, saveLora } from "../../models/lora/peft-files";
import { createLocalReader, openTunedReader } from "../../reader/local-reader";
import { PROMPT_VERSION } from "../../reader/prompt";
import type { Reader, ReadPair } from "../../reader/reader";
import { readJson, writeJson } from "../../store/files";
import { diagnoseLoss, diagnoseReader, joinHealth, type StageHealth } from "../../training/health";
import { type ReadableExample, type ReaderStageOptions, trainReader } from "../../training/reader-stage";
import { type CheckpointFolder, checkpointFor } from "../checkpoint-folder";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import { frozenPassages, type Index, requireIndexOf } from "./corpus-index";
import { type Artifact, type Input, opened, type StageContext, type StageOf, sayHealth, useStage } from "./stage";

/** Validation questions asked; enough to see one answer for everything. */
const NUM_ASKED = 64;

/**
 * Lets a freshly trained reader write its answers to some validation questions, each with its first candidate, and judges them.
 *
 * @param labels the task's labels; none for free answers.
 */
async function measureReaderHealth(
  reader: Reader,
  labels: readonly Label[],
  validation: readonly ReadableExample[],
  control: Control,
): Promise<StageHealth> {
  const every = Math.max(1, validation.length / NUM_ASKED);
  const asked = validation.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  const pairs = asked.map(({ example, passages }): ReadPair => ({ example, passage: passages[0] ?? null }));
  const texts = await reader.writeAnswers(pairs, control.signal === undefined ? {} : { signal: control.signal });
  return diagnoseReader(
    texts.map((text, i) => wordingOf(text, asked[i]!.example, labels)),
    asked.map(({ example }) => wordingOf(example.answer, example, labels) ?? example.answer),
  );
}

/** "retrieval": reads each question with a retrieved candidate. "closedBook": with none. */
export const READER_MODES = ["retrieval", "closedBook"] as const;
export type ReaderMode = (typeof READER_MODES)[number];

export interface TuneReaderOptions {
  readonly task: Task;
  /** Where candidates come from; needed for "retrieval". */
  readonly index?: Index;
  /** Default "retrieval". */
  readonly mode?: ReaderMode;
  /** Folder of the pre-trained reader, or its name on the hub, e.g. "Qwen/Qwen2-VL-2B-Instruct", once fetched. Default data/checkpoints/qwen2-vl. */
  readonly readerFolder?: string;
  /** Changes to the profile's options of the stage. */
  readonly options?: Partial<ReaderStageOptions>;
}

/** A fine-tuned reader, ready to read; frozen from here on. */
export interface TunedReader {
  readonly mode: ReaderMode;
  /** Adapter merged into the weights. */
  readonly reader: Reader;
  readonly checkpoint: CheckpointFolder;
  /** The adapter in PEFT's format. */
  readonly adapterFolder: string;
  readonly curve: readonly CurvePoint[];
  readonly bestStep: number;
  /** What was found wrong with it, on validation; null for one that was made before this was measured. */
  readonly health: StageHealth | null;
  readonly artifact: Artifact;
  /** Frees the reader. */
  dispose(): void;
}

const VERSION = 1;
const ADAPTER = "adapter";

/** File of the weights that a reader's training left in its artifact. */
export const readerWeightsFile = (folder: string): string => adapterWeightsFile(join(folder, ADAPTER));

/**
 * Stage 1: fine-tunes the reader with LoRA on the task's training split, over candidates of the frozen retriever or
 * closed-book; validation likelihood picks the checkpoint. Found again when nothing changed; goes on when interrupted.
 *
 * Paper: arXiv 2508.17394v3, reader fine-tuning.
 *
 * @throws ConfigError when an index is missing or not that of the task. DataError when the checkpoint is missing.
 * @example const reader = await tuneReader(run, { task, index })
 */
export async function tuneReader(run: Run, options: TuneReaderOptions): Promise<TunedReader> {
  const { task, index, mode = "retrieval", readerFolder } = options;
  assertOneOf("tuneReader: mode", mode, READER_MODES);
  if (mode === "retrieval") requireIndexOf("tuneReader", task, index);
  const checkpoint = await checkpointFor(run, "qwen2-vl", readerFolder);
  const candidates = mode === "retrieval" ? opened(index!) : null;
  return useStage(run, readerStage(run, { task, checkpoint, index: candidates, options: options.options }));
}

/** What a fine-tuned reader is made of. */
interface ReaderInputs {
  readonly task: Task;
  readonly checkpoint: CheckpointFolder;
  /** Where candidates come from; null closed-book. */
  readonly index: Input<Index> | null;
  /** Changes to the profile's options of the stage. */
  readonly options?: Partial<ReaderStageOptions> | undefined;
}

/** The stage of `tuneReader`. */
export function readerStage(run: Run, { task, checkpoint, index, options }: ReaderInputs): StageOf<TunedReader> {
  const mode: ReaderMode = index === null ? "closedBook" : "retrieval";
  const profile = profileOf(run.profile);
  const settings: ReaderStageOptions = { ...(index === null ? profile.closedBook : profile.reader), ...options };
  const numPerHead = index === null ? 0 : profile.numPerHead;
  return {
    name: "reader",
    version: VERSION,
    config: { mode, numPerHead, promptVersion: PROMPT_VERSION, ...settings },
    inputs: [task.fingerprint, checkpoint.fingerprint, ...(index === null ? [] : [index])],
    compute: async (workDir, context) => {
      const from = (await index?.open()) ?? null;
      const [train, validation] = [
        await readable(task, "train", from, numPerHead),
        await readable(task, "validation", from, numPerHead),
      ];
      const { labels } = task;
      await computeReader({ folder: checkpoint.folder, train, validation, labels, settings, workDir, context });
    },
    open: async (artifact) => {
      const health = sayHealth(run, artifact, `reader of ${task.name}, ${mode}`);
      return { ...loadTunedReader(mode, checkpoint, artifact), health };
    },
  };
}

async function readable(
  { splits }: Task,
  split: Split,
  index: Index | null,
  numPerHead: number,
): Promise<ReadableExample[]> {
  const examples = splits[split];
  const passages: Passage[][] =
    index === null ? examples.map(() => []) : await frozenPassages(index, split, numPerHead);
  return examples.map((example, i) => ({ example, passages: passages[i]! }));
}

interface ReaderWork {
  readonly folder: string;
  readonly train: readonly ReadableExample[];
  readonly validation: readonly ReadableExample[];
  readonly labels: readonly Label[];
  readonly settings: ReaderStageOptions;
  readonly workDir: string;
  readonly context: StageContext;
}

async function computeReader(work: ReaderWork): Promise<void> {
  const { folder, train, validation, labels, settings, workDir, context } = work;
  const model = loadReaderModel(folder);
  try {
    const stateFile = join(context.resumeDir, "state.safetensors");
    const { control, seed } = context;
    const { adapter, curve, bestStep, bestScore } = await trainReader(
      { model, train, validation, seed, stateFile, control },
      settings,
    );
    saveLora(adapter, join(workDir, ADAPTER));
    const answers = await measureReaderHealth(createLocalReader(model), labels, validation, control);
    context.report(joinHealth(answers, diagnoseLoss(curve)));
    adapter.dispose();
    writeJson(workDir, "curve.json", { curve, bestStep, bestScore });
  } finally {
    model.dispose();
  }
}

function loadTunedReader(
  mode: ReaderMode,
  checkpoint: CheckpointFolder,
  artifact: Artifact,
): Omit<TunedReader, "health"> {
  const adapterFolder = join(artifact.folder, ADAPTER);
  const reader = openTunedReader(checkpoint.folder, adapterFolder);
  const { curve, bestStep } = readJson<Pick<TunedReader, "curve" | "bestStep">>(artifact.folder, "curve.json");
  return { mode, reader, checkpoint, adapterFolder, curve, bestStep, artifact, dispose: () => reader.dispose() };
}
