import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createRandom } from "../../../src/base/random";
import type { RasterImage } from "../../../src/base/types";
import { decodePicture } from "../../../src/data/formats/picture-file";
import { drawCorpusPhantom } from "../../../src/phantoms/corpora/breast-corpus";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import type { COPIES } from "./copies";

export interface Picture {
  readonly id: string;
  readonly image: RasterImage;
}

/** Evaluation pictures, and corpus pictures that are no copies of them. */
export interface MeasuredSet {
  readonly name: string;
  readonly evaluation: readonly Picture[];
  readonly corpus: readonly Picture[];
  /** Whether a find is a true one after all: two slices of one series. */
  readonly related: (corpusId: string, evaluationId: string) => boolean;
}

const never = () => false;
const picturesOf = (list: readonly Picture[]): Picture[] => list.map(({ id, image }) => ({ id, image }));

/** MedPix numbers the pictures of a case one after the other. */
function nearNumbers(a: string, b: string): boolean {
  const [first, second] = [a, b].map((id) => Number(/synpic(\d+)/.exec(id)![1]));
  return Math.abs(first! - second!) <= 10;
}

export async function phantomSet(): Promise<MeasuredSet> {
  const { validation, test } = (await loadTask("breast-mnist", { source: "phantom" })).splits;
  const corpus = picturesOf(drawCorpusPhantom().passages);
  return { name: "phantoms", evaluation: picturesOf([...validation, ...test]), corpus, related: never };
}

/** Cases of MedPix against other cases; VQA-RAD against MedPix; BreastMNIST against phantoms of it. */
export async function realSets(dataDir: string): Promise<MeasuredSet[]> {
  const medpix = picturesOf((await loadCorpus("medpix2", { dataDir })).passages);
  const caseOf = ({ id }: Picture) => id.split("_")[0]!;
  const held = new Set(
    createRandom(1)
      .shuffle([...new Set(medpix.map(caseOf))])
      .slice(0, 150),
  );
  const folder = join(dataDir, "vqa_rad", "images");
  const names = readdirSync(folder).sort();
  const vqaRad = await Promise.all(names.map(async (id) => ({ id, image: await decodePicture(join(folder, id), 64) })));
  const { validation, test } = (await loadTask("breast-mnist", { source: "real", dataDir, checksum: "warn" })).splits;
  const breast = picturesOf([...validation, ...test]);
  return [
    {
      name: "MedPix",
      evaluation: medpix.filter((picture) => held.has(caseOf(picture))),
      corpus: medpix.filter((picture) => !held.has(caseOf(picture))),
      related: never,
    },
    { name: "VQA-RAD", evaluation: vqaRad, corpus: medpix, related: nearNumbers },
    { name: "BreastMNIST", evaluation: breast, corpus: picturesOf(drawCorpusPhantom().passages), related: never },
  ];
}

/** Every second picture: 0 to choose by, 1 to report. */
export function half(set: MeasuredSet, which: 0 | 1): MeasuredSet {
  const own = <T>(list: readonly T[]) => list.filter((_, i) => i % 2 === which);
  return { ...set, evaluation: own(set.evaluation), corpus: own(set.corpus) };
}

/** This many copies of evaluation pictures, all ways of copying in turn. */
export async function plantCopies(
  set: MeasuredSet,
  count: number,
  ways: typeof COPIES,
): Promise<(Picture & { readonly kind: string })[]> {
  const kinds = Object.entries(ways);
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [kind, copy] = kinds[i % kinds.length]!;
      const { id, image } = set.evaluation[(7 * i) % set.evaluation.length]!;
      return { id, kind, image: await copy(image) };
    }),
  );
}
