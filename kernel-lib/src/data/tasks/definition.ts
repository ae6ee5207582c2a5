import type { AnswerForm, Control, DataCard, Example, Label, MetricName, Split } from "../../base/types";
import type { Publication } from "../../hub/publishers";

/** How examples are divided. "published" keeps the publisher's splits even where they share pictures. */
export type SplitRule = "published" | "imageDisjoint";

/** What a task file is asked to read. */
export interface ReadRequest {
  /** Folder of downloads; each task looks in it and in its own folder within. */
  readonly dataDir: string;
  /** Whether the files are the publisher's, with the published checksums and numbers of rows, or made by this project. */
  readonly files: "published" | "drawn";
  /** MedMNIST: which file, 28, 64, 128 or 224. Others: longest side of a picture after reduction. Null: the task's default. */
  readonly imageSize: number | null;
  /** Seed of the splits that the publisher leaves open. */
  readonly splitSeed: number;
  /** What to do with a published file of another checksum. */
  readonly checksum: "warn" | "strict";
  /** Largest share of pictures that may be missing or broken, 0 to 1; a single one may always be. Their rows are left out. */
  readonly maxBrokenShare: number;
  readonly control: Control;
}

/** The examples of a task and a hash of what they depend on. */
export interface TaskContent {
  readonly splits: Readonly<Record<Split, readonly Example[]>>;
  readonly identity: string;
}

/** How long a grid at replica scale trains on a task; docs/performance.md says how the numbers were found. */
export interface ReplicaTraining {
  /** Steps of the reader without passages, and of the one with them. */
  readonly closedBookSteps: number;
  readonly readerSteps: number;
  /** Evaluations of a reader on the validation split, after the one at its start. */
  readonly numEvaluations: number;
  /** Passages that a retriever's head compares for an example. */
  readonly numCandidates: number;
}

/** For a task that says nothing else. */
export const REPLICA_TRAINING: ReplicaTraining = {
  closedBookSteps: 100,
  readerSteps: 120,
  numEvaluations: 2,
  numCandidates: 4,
};

/** What a task asks, and how its files become examples. Nothing else in the library knows its name. */
export interface TaskDefinition {
  readonly name: string;
  /** What its pictures are. */
  readonly modality: string;
  /** In the paper's order; yes and no where only yes/no questions have labels. */
  readonly labels: readonly Label[];
  /** The prompt's question, or null where every example brings its own. */
  readonly question: string | null;
  /** Every form that its examples are answered in. */
  readonly forms: readonly AnswerForm[];
  /** How the reader is asked to answer, in words. */
  readonly answerFormat: string;
  readonly metrics: readonly MetricName[];
  /** Changes to REPLICA_TRAINING, or "profile" for the run's own numbers, as in the notebooks. Default none. */
  readonly replicaTraining?: Partial<ReplicaTraining> | "profile" | undefined;
  readonly card: Pick<DataCard, "title" | "description">;
  readonly read: (request: ReadRequest) => Promise<TaskContent>;
}

/** A file that `npm run data -- fetch` can get. */
export interface Download {
  readonly url: string;
  /** Where it goes, relative to the data folder. */
  readonly file: string;
  /** Side of its pictures, pixels: what tells a data set's files apart. */
  readonly imageSize: number;
  /** MD5 the publisher states; null where none is stated. */
  readonly md5: string | null;
}

/** A published data set: the task, and where its files come from. One short file each. */
export interface PublishedTask extends TaskDefinition {
  /** Published numbers, and what is done where the publisher leaves a split open. */
  readonly splitsNote: string;
  /** Files and folders looked for within the data folder. */
  readonly layout: readonly string[];
  readonly access: "open" | "credentialed";
  /** Single files at fixed addresses; empty where there are none. */
  readonly downloads: readonly Download[];
  /** Where else it can be fetched, the first by default; empty where `card.obtain` says the steps. */
  readonly publications: readonly Publication[];
  readonly card: Omit<DataCard, "source">;
}

/**
 * A closed question with its numbered classes; the reader answers with the number.
 *
 * @example classQuestion("is this lamp on or off ?", ["on", "off"])   // "is this lamp on or off ? 0 : on 1 : off"
 */
export function classQuestion(opening: string, classNames: readonly string[]): string {
  return [opening, ...classNames.map((name, index) => `${index} : ${name}`)].join(" ");
}
