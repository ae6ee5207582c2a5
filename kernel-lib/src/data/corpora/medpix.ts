import { join } from "node:path";
import type { CorpusDefinition } from "./definition";
import { openOwnFolder } from "./own-folder";

const FOLDER = "medpix2";
const CARD = {
  title: "MedPix 2.0",
  description: "CT and MR pictures with captions.",
  licence: "MedPix 2.0, research use, not redistributable",
  citation: "Siragusa et al., MedPix 2.0 (2024).",
  obtain: "the MedPix 2.0 release; a folder medpix2 with corpus.jsonl (id, image, text per line) and images",
};

/** MedPix 2.0 as a folder of its own pictures and texts. */
export const MEDPIX: CorpusDefinition = {
  name: "medpix2",
  modality: "CT and MR pictures",
  card: CARD,
  layout: ["medpix2/corpus.jsonl + images/"],
  access: "open",
  publications: [],
  open: (dataDir) => openOwnFolder(join(dataDir, FOLDER), { name: FOLDER, card: CARD }),
};
