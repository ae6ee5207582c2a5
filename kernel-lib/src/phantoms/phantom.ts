import { join } from "node:path";
import sharp from "sharp";
import { argMax, sum } from "../base/numbers";
import { repositoryRoot } from "../base/paths";
import type { Random } from "../base/random";
import type { Control, Corpus, DataCard, Passage, RasterImage } from "../base/types";
import type { CorpusDefinition } from "../data/corpora/definition";
import type { TaskDefinition } from "../data/tasks/definition";
import { keepFolder } from "../store/folder";

// What everything drawn shares: what a phantom is, how many of what it holds, and where its files lie.

/** "quick" keeps a laptop's minutes; "full" has the numbers of the real data set. */
export const PHANTOM_SIZES = ["quick", "full"] as const;
export type PhantomSize = (typeof PHANTOM_SIZES)[number];

/** What a writer of phantom files is told. */
export interface PhantomRequest {
  /** Empty folder to write into, laid out as a user's folder of downloads. */
  readonly folder: string;
  readonly seed: number;
  readonly size: PhantomSize;
  readonly control: Control;
}

/** Files that are made from a seed. */
export interface DrawnFiles {
  /** Raised whenever the same seed would give other files; part of the fingerprint. */
  readonly version: number;
  readonly write: (request: PhantomRequest) => Promise<void>;
}

/** A task's phantom: files in the format that the task reads. */
export interface TaskPhantom extends DrawnFiles {
  /** A published task, which it stands in for, or one that is only drawn. */
  readonly task: TaskDefinition;
  /** What is drawn, for the data card. */
  readonly description: string;
  /** By id of an example, what is known of its picture; drawn anew, without the files. */
  readonly facts?: (
    request: Pick<PhantomRequest, "seed" | "size">,
  ) => Iterable<readonly [id: string, words: FactWords]>;
}

/** What is true of one picture, by name. */
export type FactWords = Readonly<Record<string, string>>;

/** What a phantom knows of its pictures besides their labels. Read by analyses, never by training. */
export interface PictureFacts {
  /** What decides the diagnosis. */
  readonly signs: readonly string[];
  /** What varies freely. */
  readonly nuisances: readonly string[];
  /** By id of an example or a passage: the word of each sign, of each nuisance, and of whatever else is known. */
  readonly words: ReadonlyMap<string, FactWords>;
}

/** Which pairs are drawn. */
export interface CorpusRequest {
  /** Default 7. */
  readonly seed?: number | undefined;
  /** Default the corpus's own number. */
  readonly numPassages?: number | undefined;
  /** Where files are kept; default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string | undefined;
  readonly control?: Control | undefined;
}

/** A corpus that is only drawn. */
export interface CorpusPhantom {
  readonly name: string;
  /** Raised whenever the same seed would give other pairs; part of the fingerprint. */
  readonly version: number;
  /** The tasks that search it unless another corpus is named; "others": all that no phantom names. */
  readonly tasks: readonly string[] | "others";
  /** Draws it, or opens what was drawn before. */
  readonly load: (request: CorpusRequest) => Promise<Corpus>;
  /** Whether `load` would draw nothing. */
  readonly isDrawn: (request: CorpusRequest) => boolean;
  /** By id of a passage, what is known of its picture; drawn anew. */
  readonly facts?: (request: CorpusRequest) => Iterable<readonly [id: string, words: FactWords]>;
}

/** The stand-in for a published corpus: pairs of a drawn one, in the format that the corpus is read from. */
export interface CorpusTwin {
  readonly corpus: CorpusDefinition;
  /** What is drawn, for the data card. */
  readonly description: string;
  readonly write: (folder: string, pairs: readonly Passage[]) => Promise<void>;
}

/** The data card of something drawn. */
export function phantomCard(title: string, description: string): DataCard {
  return {
    title,
    source: "phantom",
    description,
    licence: "CC0-1.0",
    citation: "none: made by this project",
    obtain: "nothing to obtain",
  };
}

/** A number of rows scaled to the size: a tenth for "quick" where the whole is large. */
export function scaled(count: number, size: PhantomSize, share = 0.1): number {
  return size === "full" ? count : Math.max(1, Math.round(count * share));
}

/** A whole number with this mean (Poisson, by Knuth's product of uniforms; for small means). */
export function drawPoisson(mean: number, random: Random): number {
  const limit = Math.exp(-mean);
  let product = random.next();
  let count = 0;
  while (product > limit && count < 100) {
    product *= random.next();
    count++;
  }
  return count;
}

/** Class indices in the given shares, as exactly as whole numbers allow, each class at least once, shuffled. */
export function drawClasses(count: number, shares: readonly number[], random: Random): number[] {
  const numbers = shares.map((share) => Math.max(1, Math.floor(share * count)));
  const largest = argMax(shares);
  numbers[largest]! += count - sum(numbers);
  return random.shuffle(numbers.flatMap((n, label) => new Array<number>(Math.max(0, n)).fill(label)));
}

/** The bytes of a picture file; the same for the same picture and version of sharp. JPEG keeps all of the colour. */
export async function encodePicture(image: RasterImage, format: "png" | "jpeg"): Promise<Buffer> {
  const { width, height, channels, data } = image;
  const picture = sharp(data, { raw: { width, height, channels } });
  return format === "png"
    ? picture.png({ compressionLevel: 6 }).toBuffer()
    : picture.jpeg({ quality: 92, chromaSubsampling: "4:4:4" }).toBuffer();
}

/** Which of a phantom's files, and where they are kept. */
export interface PhantomPlace {
  readonly seed: number;
  readonly size: PhantomSize;
  /** Default data/artifacts/phantoms of the repository. */
  readonly cacheDir?: string | undefined;
}

const defaultPhantomsDir = (): string => join(repositoryRoot(), "data", "artifacts", "phantoms");

/** Where a phantom's files lie once they are made. */
export function phantomPlace(
  name: string,
  { version }: Pick<DrawnFiles, "version">,
  { seed, size, cacheDir = defaultPhantomsDir() }: PhantomPlace,
): string {
  return join(cacheDir, name, `v${version}-${size}-${seed}`);
}

/**
 * The folder of a phantom's files: made once, then found, by one of the processes that want it at once. A damaged one is made
 * again, never read.
 */
export async function phantomFolder(
  name: string,
  phantom: DrawnFiles,
  options: PhantomPlace & { readonly control: Control },
): Promise<string> {
  const { seed, size, control } = options;
  const { version } = phantom;
  const facts = { phantom: name, version, size, seed };
  const { folder } = await keepFolder(
    { folder: phantomPlace(name, phantom, options), identity: facts },
    async (draft) => {
      await phantom.write({ folder: draft.folder, seed, size, control });
      return facts;
    },
    { where: "phantomFolder", what: name, control },
  );
  return folder;
}
