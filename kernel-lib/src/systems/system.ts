import type { Fusion } from "../answers/form";
import type { AnswerForm, Control, Example, Head, Prediction, Task } from "../base/types";
import type { Reader } from "../reader/reader";
import type { CorpusViews } from "../retriever/retrieve";
import type { JsonObject } from "../store/artifact";
import type { FrozenIndex } from "../training/over-index";
import type { ReaderStageOptions } from "../training/reader-stage";
import type { RetrieverStageOptions } from "../training/retriever-options";

/** A way to answer a task's questions, opened for one task. */
export interface System {
  /**
   * One prediction per example, whatever its form, with the readings behind it (none where nothing was read).
   *
   * @throws InterruptedError on abort.
   */
  answer(examples: readonly Example[], control?: Control): Promise<readonly Prediction[]>;
  /** Frees what the system opened; what it was given stays its owner's. */
  dispose(): void;
}

/** What a system asks for. What it does not ask for it does not get, and its predictions do not depend on it. */
export interface SystemNeeds {
  /** A reader fine-tuned with retrieved passages ("retrieval") or without ("closedBook"); null: none. */
  readonly reader: "retrieval" | "closedBook" | null;
  /** The index, and which heads are learned in stage 2 (none: both stay frozen); null: no index. */
  readonly retriever: readonly Head[] | null;
}

/** What a system searches; an Index is one. */
export interface SearchedParts extends FrozenIndex {
  /** The frozen encoder's. */
  readonly encoder: { readonly folder: string };
  /** An index per view of the corpus. */
  readonly views: CorpusViews;
}

/** What a system is opened with: the parts it needs, and the settings that are the same for every system of a run. */
export interface SystemParts {
  /** How its predictions name it. */
  readonly name: string;
  readonly task: Task;
  /** Null unless needed. */
  readonly reader: Reader | null;
  /** Folders of that reader: the pre-trained model and the adapter of stage 1. Null unless needed. */
  readonly readerFolders: { readonly checkpoint: string; readonly adapter: string } | null;
  /** What is searched. Null unless needed. */
  readonly index: SearchedParts | null;
  /** Files of the learned query towers, of exactly the heads that are needed. */
  readonly towers: Readonly<Partial<Record<Head, string>>>;
  /** Passages per head. */
  readonly numPerHead: number;
  /** Share of a learned tower in the query embedding. */
  readonly learnedWeight: number;
  readonly seed: number;
  /** Folder of what the system's own training wrote; null for a system without one. */
  readonly trained: string | null;
  /** Where it may keep what it has answered until all is; survives an interruption. Absent where nothing does. */
  readonly resumeDir?: string;
}

/** What a system's own training is given besides its parts. */
export interface TrainingContext {
  readonly control: Control;
  /** A folder for checkpoints: it survives an interruption and is no part of what was learned. */
  readonly resumeDir: string;
  /** With which options the run trains the stages that it follows. */
  readonly options: StageOptions;
}

/** Options of the stages, as far as they are followed. */
export interface StageOptions {
  readonly reader?: ReaderStageOptions;
  readonly retriever?: RetrieverStageOptions;
}

/** A training of a system's own, such as a classifier's or a joint one of reader and retriever: a stage before its answers. */
export interface SystemTraining {
  /** Number of its code, ≥ 1; raise it when a change of that code changes what it learns. */
  readonly version: number;
  /** All options that change what it learns, but for those of the stages that it follows. */
  readonly config: JsonObject;
  /** Stages whose options, as the run trains them, it takes over. Default none. */
  readonly follows?: readonly (keyof StageOptions)[];
  /** Writes what was learned into `folder`. It may read the training and validation split, never the test split. */
  train(folder: string, parts: SystemParts, context: TrainingContext): Promise<void>;
}

/** How a system that reads its passages one by one answers. */
export interface ReadingSettings {
  /** Default "probabilities" (paper); "logits" is the reference code's. */
  readonly fusion?: Fusion;
  /**
   * "best": the passages of highest score. Controls read as many, drawn by chance: "random" among the ten best of each head (what a better order
   * of near passages is worth), "corpus" among all passages (what a near passage is worth). Default "best".
   */
  readonly candidates?: "best" | "random" | "corpus";
}

/**
 * One row of the table of systems: all that the library knows of one. A new system is a file with such an object and its line in
 * systems.ts; tables, grid, figures and ablations follow.
 */
export interface SystemDefinition {
  /** On the command line and in stage ids: lower-case words joined by "-". */
  readonly name: string;
  /** In figures and reports, as the paper calls it. */
  readonly label: string;
  /**
   * "system": one of the paper's own, from plain to full. "compared": one that stands for a published system of others. "served": one with
   * a model behind an endpoint, which runs only where it is asked for by name. "ablation": a system with one thing changed. "control": what a
   * comparison is checked with.
   */
  readonly kind: "system" | "compared" | "served" | "ablation" | "control";
  /** What it takes from the full system, in the ablation table's words; absent where it is not in that table. */
  readonly ablates?: string;
  /** Its colour in every figure, where figures call it by its label. Default: a free colour, and its predictions' name. */
  readonly color?: string;
  readonly needs: SystemNeeds;
  /** What is changed in stage 2 for it. Default nothing: it shares the heads of the full system. */
  readonly training?: Partial<RetrieverStageOptions>;
  readonly ownTraining?: SystemTraining;
  /** Why it cannot answer a task with these forms of answer; null when it can. Default: it answers every task. */
  readonly refuses?: (forms: readonly AnswerForm[]) => string | null;
  /** What decides its answers besides its parts; for a system with an `open` of its own anything, e.g. the version of its code. */
  readonly settings?: ReadingSettings & JsonObject;
  /** Opens it with the parts it needs, all of them there. Default: a reader over its retriever's passages (openSystem). */
  readonly open?: (parts: SystemParts) => Promise<System>;
}
