import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKernelError } from "../../../src/base/errors";
import { createRandom, type Random } from "../../../src/base/random";
import { parseCsv } from "../../../src/data/formats/csv";
import { readDicom, renderDicom } from "../../../src/data/formats/dicom/dicom";
import { formatNpz, readNpz, storeNpz } from "../../../src/data/formats/npz";
import { parseParquet } from "../../../src/data/formats/parquet";
import { decodePicture } from "../../../src/data/formats/picture-file";
import { formatTar, readTar } from "../../../src/data/formats/tar";
import { parseJsonRows } from "../../../src/data/formats/text-file";
import { bytesArray } from "../helpers";

const FOLDER = join(__dirname, "../../reference/data");
const stored = (name: string) => readFileSync(join(FOLDER, name));
const CODED = join(FOLDER, "../dicom");

/** A reader, a sound file of it, and what must hold of whatever it accepts. */
export interface Reader {
  readonly name: string;
  readonly sound: Buffer;
  readonly read: (bytes: Buffer) => unknown;
  /** "equal": the format has checksums, so an accepted file holds what the sound one holds. Else a check of the structure. */
  readonly accepts: "equal" | ((value: never) => boolean);
}

const COLUMNS = ["image", "question", "answer", "number"];
const CSV = 'image_id,label,text\n"a ""b""",1,"x, y"\nc,0,\nd,1,"two\nlines"\n';
const JSON_ROWS = JSON.stringify([
  { qid: 1, question: "is it clear ?", answer: "yes" },
  { qid: 2, deep: [[1], { a: null }] },
]);
const ARRAYS = new Map([
  ["images", bytesArray([6, 4, 4])],
  ["labels", bytesArray([6, 1], (i) => i % 2)],
]);

const MIXED_COLUMNS = ["image", "image_id", "caption", "kind"];

const parquet = (name: string, columns: readonly string[], count: number): Reader => ({
  name: `parquet ${name}`,
  sound: stored(`${name}.parquet`),
  read: (bytes) => parseParquet(bytes, "a.parquet", columns),
  accepts: (rows: Record<string, unknown>[]) =>
    rows.length === count && rows.every((row) => columns.every((c) => c in row)),
});

const dicom = (name: string, folder: string): Reader => ({
  name: `dicom ${name}`,
  sound: readFileSync(join(folder, `${name}.dcm`)),
  read: async (bytes) => {
    const picture = await readDicom(bytes, "a.dcm");
    renderDicom(picture);
    return picture;
  },
  accepts: ({
    width,
    height,
    samples,
    values,
  }: {
    width: number;
    height: number;
    samples: number;
    values: Int32Array;
  }) => values.length === width * height * samples,
});

const CODED_NAMES = [
  "big-endian-12bit",
  "palette-16bit",
  "ybr-full-422",
  "jpeg-lossless-4",
  "jpeg-lossless-rgb",
  "jpeg-12bit",
  "jpeg-rgb-unmarked",
  "jpeg-ls-12bit",
  "jpeg-ls-rgb",
  "jpeg-2000-12bit",
  "jpeg-2000-rct",
  "jpeg-2000-tiles",
  // how grey is shown
  "shown-voi-12bit",
  "shown-voi-big-endian",
  "shown-modality-voi",
  "shown-rescaled-sigmoid",
  "shown-padding-range",
  // as archives leave files
  "bare-implicit",
  "no-syntax-explicit",
];

const TAR: [string, Uint8Array][] = [
  ["x/PMC1_a.txt", Buffer.from("a cyst")],
  ["x/PMC1_a.jpg", Buffer.alloc(700, 7)],
];

/** Reads bytes by way of a file, for readers that want one. */
function onDisk<T>(name: string, read: (path: string) => Promise<T>): (bytes: Buffer) => Promise<T> {
  return async (bytes) => {
    const folder = mkdtempSync(join(tmpdir(), "mutation-"));
    try {
      writeFileSync(join(folder, name), bytes);
      return await read(join(folder, name));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

/** All readers of files that come from outside. */
export function allReaders(png: Buffer): Reader[] {
  return [
    {
      name: "npz",
      sound: Buffer.from(formatNpz(ARRAYS, "deflated")),
      read: onDisk("a.npz", (path) => readNpz(path)),
      accepts: "equal",
    },
    { name: "png", sound: png, read: (bytes) => decodePicture(bytes, 64), accepts: "equal" },
    ...["snappy-v1", "gzip-v2", "zstd-v1", "brotli-v2", "none-v1"].map((name) => parquet(name, COLUMNS, 4)),
    ...["mixed-zstd", "mixed-snappy"].map((name) => parquet(name, MIXED_COLUMNS, 40)),
    ...["explicit-12bit", "implicit-12bit-inverted", "deflated-16bit", "rle-12bit", "jpeg-baseline", "rgb"].map(
      (name) => dicom(name, FOLDER),
    ),
    ...CODED_NAMES.map((name) => dicom(name, CODED)),
    {
      name: "npz on disk",
      sound: Buffer.from(formatNpz(ARRAYS, "deflated")),
      read: onDisk("a.npz", async (path) => {
        const arrays = await storeNpz(path, 2 ** 20);
        return [...arrays].map(([name, { shape, read }]) => [
          name,
          shape,
          [
            ...read(
              0,
              shape.reduce((n, k) => n * k, 1),
            ),
          ],
        ]);
      }),
      accepts: "equal",
    },
    {
      name: "tar",
      sound: Buffer.from(formatTar(TAR)),
      read: onDisk("a.tar", async (path) => {
        const members: { name: string; content: number[] }[] = [];
        for await (const { name, content } of readTar(path)) members.push({ name, content: [...content] });
        return members;
      }),
      accepts: (members: { name: string; content: number[] }[]) =>
        members.every(
          ({ name, content }) => !name.startsWith("/") && !name.startsWith("..") && content.length < 2 ** 16,
        ),
    },
    {
      name: "csv",
      sound: Buffer.from(CSV),
      read: (bytes) => parseCsv(bytes, "a.csv", ["image_id", "label"]),
      accepts: (rows: { fields: Map<string, string> }[]) =>
        rows.every(({ fields }) => fields.size === rows[0]!.fields.size),
    },
    {
      name: "json",
      sound: Buffer.from(JSON_ROWS),
      read: (bytes) => parseJsonRows(bytes, "a.json"),
      accepts: (rows: { fields: unknown }[]) =>
        rows.every(({ fields }) => typeof fields === "object" && fields !== null),
    },
  ];
}

/** One to three changes: bits turned, runs overwritten, cut off, put in, doubled, or 32-bit numbers made huge. */
export function mutate(sound: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(sound);
  for (let k = 1 + random.integer(3); k > 0 && bytes.length > 8; k--) {
    const at = random.integer(bytes.length);
    const length = 1 + random.integer(16);
    const kind = random.integer(6);
    if (kind === 0) bytes[at]! ^= 1 << random.integer(8);
    else if (kind === 1) bytes.fill(random.integer(256), at, Math.min(bytes.length, at + length));
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, random.integer(256)), bytes.subarray(at)]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length))]);
    else
      bytes.writeUInt32LE(random.pick([0xffffffff, 0x7fffffff, 0x80000000, 0x10000]), Math.min(at, bytes.length - 4));
  }
  return bytes;
}

/** What came of many mutations of one reader. */
export interface Outcome {
  readonly refused: number;
  readonly accepted: number;
  /** Seeds of mutations with an outcome that must not be: another kind of error, wrong content, more than 5 s. */
  readonly faults: readonly string[];
}

const SLOWEST_MS = 5000;

/** Text of anything, whole numbers beyond 2^53 included. */
const textOf = (value: unknown) =>
  JSON.stringify(value, (_, part) =>
    typeof part === "bigint" ? String(part) : part instanceof Map ? [...part] : part,
  );

/** Reads `count` mutated files. Every one must be refused with a typed error, or be accepted with sound content, in time. */
export async function tryMutations(reader: Reader, count: number): Promise<Outcome> {
  const expected = textOf(await reader.read(reader.sound));
  const outcome = { refused: 0, accepted: 0, faults: [] as string[] };
  for (let k = 0; k < count; k++) {
    const seed = `mutation/${reader.name}/${k}`;
    const bytes = mutate(reader.sound, createRandom(seed));
    const start = performance.now();
    try {
      const value = await reader.read(bytes);
      outcome.accepted++;
      const isSound = reader.accepts === "equal" ? textOf(value) === expected : reader.accepts(value as never);
      if (!isSound) outcome.faults.push(`${seed}: accepted with other content`);
    } catch (error) {
      outcome.refused++;
      // the decoder of pictures throws plain errors, which its callers name
      if (!isKernelError(error, "data") && reader.name !== "png") outcome.faults.push(`${seed}: ${String(error)}`);
    }
    if (performance.now() - start > SLOWEST_MS) outcome.faults.push(`${seed}: too slow`);
  }
  return outcome;
}
