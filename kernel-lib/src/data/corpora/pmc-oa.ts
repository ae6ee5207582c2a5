import { basename, join } from "node:path";
import { DataError } from "../../base/errors";
import { readTar, type TarMember } from "../formats/tar";
import {
  articleOf,
  type BrokenRow,
  type ByteProgress,
  type CorpusDefinition,
  type CorpusRow,
  type CorpusSource,
  corpusFolder,
  countBytes,
  firstFolder,
  namesIn,
  readJsonlRows,
  stringField,
} from "./definition";

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

const PICTURE_PART = /^(jpe?g|png|webp|gif|tiff?)$/i;
const TEXT_PART = /^(txt|caption|text)$/i;

/** The parts of one pair: files with the same name up to the first dot stand side by side. */
interface Sample {
  readonly key: string;
  readonly parts: Map<string, Uint8Array>;
}

function splitName(name: string): { key: string; part: string } {
  const start = name.lastIndexOf("/") + 1;
  const dot = name.indexOf(".", start);
  return dot < 0 ? { key: name, part: "" } : { key: name.slice(0, dot), part: name.slice(dot + 1) };
}

async function* samplesOf(members: AsyncIterable<TarMember>, onMember: (member: TarMember) => void) {
  let sample: Sample | null = null;
  for await (const member of members) {
    onMember(member);
    const { key, part } = splitName(member.name);
    if (sample !== null && sample.key !== key) {
      yield sample;
      sample = null;
    }
    sample ??= { key, parts: new Map() };
    sample.parts.set(part, member.content);
  }
  if (sample !== null) yield sample;
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** The caption: a text part, or the field `caption` or `text` of a JSON part. */
function captionOf({ parts }: Sample): string {
  for (const [part, content] of parts) if (TEXT_PART.test(part)) return decodeText(content).trim();
  const json = parts.get("json");
  if (json === undefined) throw new Error("no text part (.txt, .caption, .json)");
  const { caption, text } = (JSON.parse(decodeText(json)) ?? {}) as Record<string, unknown>;
  const found = caption ?? text;
  if (typeof found !== "string") throw new Error("caption of the .json part must be a string");
  return found;
}

/**
 * The pairs of webdataset archives: for each key a picture (.jpg, .png …) and a text (.txt, .caption, or a .json with `caption`).
 */
async function* archiveRows(
  archives: readonly string[],
  progress: ByteProgress,
): AsyncGenerator<CorpusRow | BrokenRow> {
  let before = 0;
  for (const archive of archives) {
    const onMember = ({ bytesRead }: TarMember): void => {
      progress.done = before + bytesRead;
    };
    for await (const sample of samplesOf(readTar(archive), onMember)) {
      const place = `${basename(archive)}, ${sample.key}`;
      const picture = [...sample.parts].find(([part]) => PICTURE_PART.test(part))?.[1];
      if (picture === undefined) {
        yield { place, reason: "no picture part (.jpg, .png …)" };
        continue;
      }
      try {
        yield { place, id: sample.key, text: captionOf(sample), licence: LICENCE, picture, ...articleOf(sample.key) };
      } catch (error) {
        yield { place, reason: (error as Error).message };
      }
    }
    before += await countBytes([archive]);
  }
}

/**
 * PMC-OA on disk: .jsonl files with `image` and `caption` and a folder of pictures, or webdataset archives (.tar, .tar.gz).
 *
 * The group of a passage is its article, where the file name begins with its PMC number.
 * @throws DataError when the folder holds neither.
 */
async function openPmcOa(dataDir: string): Promise<CorpusSource> {
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
    return { ...common, files, rows: () => archiveRows(files, progress) };
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
  open: openPmcOa,
};
