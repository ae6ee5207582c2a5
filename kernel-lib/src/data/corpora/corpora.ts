import type { CorpusDefinition } from "./definition";
import { MEDPIX } from "./medpix";
import { MIMIC_CXR } from "./mimic-cxr";
import { PMC_OA } from "./pmc-oa";
import { ROCO } from "./roco";

const LIST: readonly CorpusDefinition[] = [PMC_OA, MIMIC_CXR, ROCO, MEDPIX];

/** The published corpora by name. */
export const CORPORA: ReadonlyMap<string, CorpusDefinition> = new Map(LIST.map((corpus) => [corpus.name, corpus]));
