import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { CorpusDefinition, CorpusSource } from "./definition";
import {
  type ByteProgress,
  corpusFolder,
  countBytes,
  firstFolder,
  namesIn,
  readJsonlRows,
  stringField,
} from "./folders";
import { articleOf, readWebdatasetRows } from "./webdataset";

const NAMES = ["pmc-oa", "pmc_oa", "PMC-OA"];
const PICTURES = ["images", "figures", "caption_T060_filtered_top4_sep_v0_subfigures"];
const LICENCE = "PMC Open Access subset, licence of each article";
const CARD = {
  title: "PMC-OA",
  description: "Figures and captions from articles of PubMed Central's open-access subset.",
  licence: LICENCE,
  citation: "Lin et al., PMC-CLIP, MICCAI 2023 (arXiv 2303.07240).",
  obtain:
    "Run npm run data -- fetch pmc-oa (Hugging Face axiong/pmc_oa: pmc_oa.jsonl and images.zip, 22.7 GB, unpacked), or put .jsonl and images, or webdataset archives, into a folder pmc-oa of the data folder.",
};

/**
 * PMC-OA on disk: .jsonl files with `image` and `caption` and a folder of pictures, or webdataset archives (.tar, .tar.gz).
 *
 * The group of a passage is its article, where the file name begins with its PMC number.
 * @throws DataError when the folder holds neither.
 */
export async function openPmcOa(dataDir: string): Promise<CorpusSource> {
  const folder = await corpusFolder(dataDir, NAMES, CARD.obtain);
  const names = await namesIn(folder);
  const filesWith = (pattern: RegExp) => names.filter((name) => pattern.test(name)).map((name) => join(folder, name));
  const tables = filesWith(/\.jsonl$/);
  const archives = filesWith(/\.(tar|tar\.gz|tgz)$/);
  const files = tables.length > 0 ? tables : archives;
  if (files.length === 0) {
    throw new DataError(`openPmcOa: ${folder} must hold .jsonl or .tar files; got neither. ${CARD.obtain}`, { folder });
  }
  const progress: ByteProgress = { done: 0, total: await countBytes(files) };
  const pictures = (await firstFolder(PICTURES.map((name) => join(folder, name)))) ?? folder;
  const common = { name: "pmc-oa", card: CARD, progress: () => progress };
  if (tables.length === 0) {
    return { ...common, files, rows: () => readWebdatasetRows(files, LICENCE, progress) };
  }
  const rows = () =>
    readJsonlRows(
      files,
      (object, place) => {
        const image = stringField(object, "image");
        const text = stringField(object, "caption");
        const picture = { folder: pictures, path: image };
        return { place, id: image.replace(/\.[a-z]+$/i, ""), text, licence: LICENCE, picture, ...articleOf(image) };
      },
      progress,
    );
  return { ...common, files: [...files, pictures], rows };
}

/** PMC-OA: figures of open-access articles. */
export const PMC_OA: CorpusDefinition = {
  name: "pmc-oa",
  modality: "figures of biomedical articles",
  card: CARD,
  layout: ["pmc-oa/*.jsonl + images/ (or figures/)", "pmc-oa/*.tar (or .tar.gz)"],
  access: "open",
  publications: [
    {
      from: "hugging-face",
      id: "axiong/pmc_oa",
      wanted: [/^pmc_oa\.jsonl$/, /^images\.zip$/],
      folder: "pmc-oa",
      unpack: { "images.zip": "images" },
    },
  ],
  standIn:
    "the pairs of the corpus phantom (or of phantom-pool: drawnFrom) that stand in for it, written in this format",
  open: openPmcOa,
};
