import type { Passage } from "../../../base/types";
import { formatTar } from "../../formats/tar";
import { type CorpusTwinOptions, encodeJpeg, numberOf, twinPassages, writeInto } from "./corpus-twin";

/** How PMC-OA is published: a .jsonl with a folder of pictures, or webdataset archives. */
export type PmcOaLayout = "jsonl" | "webdataset";

const PAIRS_PER_ARCHIVE = 1000;

/** Article and figure, as PMC-OA names its files; two figures make an article. */
function fileName(passage: Passage): string {
  const number = numberOf(passage);
  return `PMC${900_000 + Math.floor(number / 2)}_Fig${1 + (number % 2)}_1.jpg`;
}

async function writeJsonl(folder: string, passages: readonly Passage[]): Promise<void> {
  const lines: string[] = [];
  for (const passage of passages) {
    const image = fileName(passage);
    await writeInto(folder, `pmc-oa/images/${image}`, await encodeJpeg(passage.image));
    const row = { image, caption: passage.text, alignment_type: "single", alignment_score: 1 };
    lines.push(`${JSON.stringify(row)}\n`);
  }
  await writeInto(folder, "pmc-oa/pmc_oa.jsonl", lines.join(""));
}

async function writeArchives(folder: string, passages: readonly Passage[]): Promise<void> {
  for (let start = 0; start < passages.length; start += PAIRS_PER_ARCHIVE) {
    const members: [string, Uint8Array][] = [];
    for (const passage of passages.slice(start, start + PAIRS_PER_ARCHIVE)) {
      const key = fileName(passage).replace(/\.jpg$/, "");
      members.push([`${key}.jpg`, await encodeJpeg(passage.image)], [`${key}.txt`, Buffer.from(passage.text)]);
    }
    const name = String(start / PAIRS_PER_ARCHIVE).padStart(5, "0");
    await writeInto(folder, `pmc-oa/${name}.tar`, formatTar(members));
  }
}

/** Writes the stand-in for PMC-OA into `folder`/pmc-oa. */
export async function writePmcOaTwin(
  folder: string,
  options: CorpusTwinOptions & { readonly layout?: PmcOaLayout } = {},
): Promise<void> {
  const { layout = "jsonl", ...drawn } = options;
  const passages = twinPassages("pmc-oa", drawn);
  await (layout === "jsonl" ? writeJsonl(folder, passages) : writeArchives(folder, passages));
}
