import type { CorpusDefinition } from "./definition";
import { MEDPIX } from "./medpix";
import { MIMIC_CXR } from "./mimic-cxr";
import { PMC_OA } from "./pmc-oa";
import { ROCO } from "./roco";

/** The corpora that are published, by name. */
export const KNOWN_CORPORA: ReadonlyMap<string, CorpusDefinition> = new Map(
  [PMC_OA, MIMIC_CXR, ROCO, MEDPIX].map((corpus) => [corpus.name, corpus]),
);
