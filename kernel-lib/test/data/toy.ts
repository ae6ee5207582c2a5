import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import type { Example, Label, RasterImage, Split } from "../../src/base/types";
import { type CorpusDefinition, corpusFolder } from "../../src/data/corpora/definition";
import { csvText, formatCsv, readCsv } from "../../src/data/formats/csv";
import { completeSplits } from "../../src/data/splits";
import { classQuestion, type PublishedTask, type ReadRequest } from "../../src/data/tasks/definition";
import { findLayout, namedPicture, sideOf, withPictures } from "../../src/data/tasks/pictures";

/** A data set as a stranger would add it: squares, bright or dark. Everything about it stands in this one object. */
const LABELS: readonly Label[] = ["bright", "dark"].map((name, index) => ({ index, name, answer: String(index) }));
const QUESTION = classQuestion("which square is this ?", ["bright", "dark"]);
const CARD = {
  title: "Toy squares",
  description: "Squares, bright or dark.",
  licence: "CC0-1.0",
  citation: "none",
  obtain: "the toy squares by writeToyFiles",
};

async function read(request: ReadRequest) {
  const { folder } = findLayout(request.dataDir, ["toy"], [{ name: "csv", files: ["squares.csv"] }], CARD);
  const rows = await readCsv(join(folder, "squares.csv"), ["file", "split", "label"]);
  const sources = rows.map(async (row) => {
    const picture = await namedPicture(folder, csvText(row, "file"), row.place, sideOf(request));
    return { row, split: csvText(row, "split") as Split, picture };
  });
  const pictured = await withPictures("toy", await Promise.all(sources), request);
  const examples = pictured.map(({ row: { row, split }, image }): Example => {
    const label = LABELS[Number(csvText(row, "label"))]!;
    const id = `toy/${split}/${csvText(row, "file")}`;
    return {
      id,
      task: "toy",
      split,
      image,
      question: QUESTION,
      answer: label.answer,
      labels: [label.index],
      group: id,
    };
  });
  const of = (split: Split) => examples.filter((example) => example.split === split);
  const published = { train: of("train"), validation: of("validation"), test: of("test") };
  return completeSplits(published, { task: "toy", members: "pictures", splitSeed: request.splitSeed });
}

export const TOY_TASK: PublishedTask = {
  name: "toy",
  modality: "squares",
  labels: LABELS,
  question: QUESTION,
  forms: ["label"],
  answerFormat: "the number of one class",
  metrics: ["accuracy", "macroF1"],
  replicaTraining: { readerSteps: 20 },
  splitsNote: "published",
  layout: ["toy/squares.csv + pictures"],
  access: "open",
  downloads: [],
  publications: [],
  card: CARD,
  read,
};

/** A corpus as a stranger would add it: pairs.csv with a picture and its text in each line. */
export const TOY_CORPUS: CorpusDefinition = {
  name: "toy-pairs",
  modality: "squares",
  card: { ...CARD, title: "Toy pairs" },
  layout: ["toy-pairs/pairs.csv + pictures"],
  access: "open",
  publications: [],
  open: async (dataDir) => {
    const folder = await corpusFolder(dataDir, ["toy-pairs"], CARD.obtain);
    const rows = await readCsv(join(folder, "pairs.csv"), ["file", "text"]);
    return {
      name: "toy-pairs",
      card: { ...CARD, title: "Toy pairs" },
      files: [folder],
      rows: async function* () {
        for (const row of rows) {
          const path = csvText(row, "file");
          yield {
            place: row.place,
            id: path,
            text: csvText(row, "text"),
            licence: "CC0-1.0",
            picture: { folder, path },
          };
        }
      },
      progress: () => ({ done: rows.length, total: rows.length }),
    };
  },
};

/** A grey square whose level says its label; `k` makes it one of its own. */
export function toySquare(label: number, k: number): RasterImage {
  const data = Uint8Array.from({ length: 28 * 28 }, (_, p) => (label === 0 ? 170 : 40) + ((p * (k + 3)) % 37));
  return { width: 28, height: 28, channels: 1, data };
}

async function writePicture(file: string, { width, height, channels, data }: RasterImage): Promise<void> {
  await sharp(data, { raw: { width, height, channels } }).toColourspace("b-w").png().toFile(file);
}

/** Writes the files of the toy task into a folder of downloads. */
export async function writeToyTask(dataDir: string, counts: Readonly<Record<Split, number>>): Promise<void> {
  const folder = join(dataDir, "toy");
  mkdirSync(folder, { recursive: true });
  const rows: string[][] = [];
  for (const [split, count] of Object.entries(counts)) {
    for (let k = 0; k < count; k++) {
      const file = `${split}-${k}.png`;
      await writePicture(join(folder, file), toySquare(k % 2, rows.length));
      rows.push([file, split, String(k % 2)]);
    }
  }
  writeFileSync(join(folder, "squares.csv"), formatCsv(["file", "split", "label"], rows));
}

/** Writes the files of the toy corpus into a folder of downloads. */
export async function writeToyCorpus(dataDir: string, count: number): Promise<void> {
  const folder = join(dataDir, "toy-pairs");
  mkdirSync(folder, { recursive: true });
  const rows: string[][] = [];
  for (let k = 0; k < count; k++) {
    await writePicture(join(folder, `pair-${k}.png`), toySquare(k % 2, 100 + k));
    rows.push([`pair-${k}.png`, `a square . ${LABELS[k % 2]!.name}`]);
  }
  writeFileSync(join(folder, "pairs.csv"), formatCsv(["file", "text"], rows));
}
