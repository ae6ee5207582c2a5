import type { Publication } from "../obtain/publication";
import type { CorpusSource } from "./corpus-source";

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
