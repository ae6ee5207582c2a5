import type { Control, DataCard, DataSource, Example, Label, MetricName, Split } from "../../base/types";
import type { Publication } from "../../hub/publishers";

/** A file that `npm run data -- fetch` can get. */
export interface Download {
  readonly url: string;
  /** Where it goes, relative to the data folder. */
  readonly file: string;
  /** MD5 the publisher states; null where none is stated. */
  readonly md5: string | null;
}

/** How examples are divided. "published" keeps the publisher's splits even where they share pictures. */
export type SplitRule = "published" | "imageDisjoint";

/** What a task file is asked to read. */
export interface ReadRequest {
  /** Folder of downloads; each task looks in it and in its own folder within. */
  readonly dataDir: string;
  readonly source: DataSource;
  /** MedMNIST: which file, 28, 64, 128 or 224. Others: longest side of a picture after reduction. Null: the task's default. */
  readonly imageSize: number | null;
  /** Seed of the splits that the publisher leaves open. */
  readonly splitSeed: number;
  readonly checksum: "warn" | "strict";
  /** Numbers of rows to insist on; "any" for stand-ins. */
  readonly counts: "published" | "any";
  readonly control: Control;
}

/** The examples of a task and a hash of what they depend on. */
export interface TaskContent {
  readonly splits: Readonly<Record<Split, readonly Example[]>>;
  readonly identity: string;
}

/** Everything that is fixed about one data set. One short file each; nothing else in the library knows its name. */
export interface TaskDefinition {
  readonly name: string;
  readonly modality: string;
  /** In the paper's order; yes and no where only yes/no questions have labels. */
  readonly labels: readonly Label[];
  /** The prompt's question, or null where every example brings its own. */
  readonly question: string | null;
  /** How the reader is asked to answer, in words. */
  readonly answerFormat: string;
  readonly metrics: readonly MetricName[];
  /** Published numbers and what is done where the publisher leaves a split open. */
  readonly splitsNote: string;
  /** Files and folders looked for within the data folder. */
  readonly layout: readonly string[];
  readonly access: "open" | "credentialed";
  /** Single files at fixed addresses; empty where there are none. */
  readonly downloads: readonly Download[];
  /** Where else it can be fetched, the first by default. Default none: `card.obtain` says the steps. */
  readonly publications?: readonly Publication[];
  readonly card: Omit<DataCard, "source">;
  readonly read: (request: ReadRequest) => Promise<TaskContent>;
}
