import type { DataCard } from "../../base/types";
import type { Publication } from "../../hub/publishers";

/** One pair as its publisher's files hold it, the picture still encoded. */
export interface CorpusRow {
  /** File and line, member or path: where it stands, for messages. */
  readonly place: string;
  readonly id: string;
  readonly text: string;
  readonly licence: string;
  readonly group?: string;
  /** The encoded bytes, or the path of a file within a folder. */
  readonly picture: Uint8Array | { readonly folder: string; readonly path: string };
}

/** A row that cannot be used, and why. */
export interface BrokenRow {
  readonly place: string;
  readonly reason: string;
}

/** A corpus on disk, read row by row. */
export interface CorpusSource {
  readonly name: string;
  readonly card: Omit<DataCard, "source">;
  /** Files and folders that decide what is read: a change of name, size or time in them makes another corpus. */
  readonly files: readonly string[];
  /** Reads all rows once, in the same order every time. */
  readonly rows: () => AsyncIterable<CorpusRow | BrokenRow>;
  /** How far the reading of `rows` is, in any unit. */
  readonly progress: () => { readonly done: number; readonly total: number };
}

/** Everything that is fixed about one corpus. Nothing else in the library knows its name. */
export interface CorpusDefinition {
  readonly name: string;
  /** What its pictures are. */
  readonly modality: string;
  readonly card: CorpusSource["card"];
  /** Files and folders looked for within the data folder. */
  readonly layout: readonly string[];
  readonly access: "open" | "credentialed";
  /** Where it can be fetched, the first by default; empty where `card.obtain` says the steps. */
  readonly publications: readonly Publication[];
  /** What stands in for it, for the data card; null where nothing does. */
  readonly standIn: string | null;
  /** Finds its files. @throws DataError when there are none. */
  readonly open: (dataDir: string) => Promise<CorpusSource>;
}
