import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, DataError } from "../../base/errors";
import type { Example, Split } from "../../base/types";
import { md5OfFile } from "../formats/checksum";
import { readNpz } from "../formats/npz";
import { type StoredArray, storeNpz } from "../formats/npz-store";
import {
  type ArrayForm,
  MEDMNIST_PREFIX,
  MEDMNIST_SIZES,
  type MedMnistSize,
  type MedMnistSpec,
  readMedMnist,
  readMedMnistSplits,
} from "./medmnist-examples";
import type { Download, ReadRequest, TaskContent, TaskDefinition } from "./task-definition";

const RECORD = "https://zenodo.org/records/10519652/files";

/** Name of the published file with pictures of this side, e.g. "dermamnist_64.npz". */
export function medMnistFile({ file }: MedMnistSpec, side: MedMnistSize): string {
  return side === 28 ? file : file.replace(/\.npz$/, `_${side}.npz`);
}

function findFile(dataDir: string, spec: MedMnistSpec, file: string): string {
  const places = [join(dataDir, "medmnist", file), join(dataDir, file)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new DataError(
    `loadTask: dataDir must hold ${file}; got neither ${places.join(" nor ")}. Get ${spec.card.obtain}`,
    { dataDir, file },
  );
}

async function checkMd5(path: string, file: string, published: string, request: ReadRequest): Promise<string> {
  const md5 = await md5OfFile(path);
  if (md5 === published) return md5;
  const said = `loadTask: ${file} must have the published md5 ${published}; got ${md5}.`;
  const details = { file: path, md5, published };
  if (request.checksum === "strict") {
    throw new DataError(`${said} Download it again, or pass checksum: "warn" (JOMED_CHECKSUM=warn).`, details);
  }
  request.control.onWarn?.("checksum", `${said} Going on: its content is checked instead.`, details);
  return md5;
}

/** The numbers of rows the file itself states; the reader then holds images and labels to each other. */
function countsOf(arrays: ReadonlyMap<string, ArrayForm>): Record<Split, number> {
  const count = (split: Split) => arrays.get(`${MEDMNIST_PREFIX[split]}_images`)?.shape[0] ?? 0;
  return { train: count("train"), validation: count("validation"), test: count("test") };
}

async function readFileOf(spec: MedMnistSpec, request: ReadRequest): Promise<TaskContent> {
  const side = (request.imageSize ?? 28) as MedMnistSize;
  if (!MEDMNIST_SIZES.includes(side)) {
    throw new ConfigError(
      `loadTask: imageSize must be one of ${MEDMNIST_SIZES.join(", ")} for ${spec.name}; got ${side}.`,
      { imageSize: side },
    );
  }
  const file = medMnistFile(spec, side);
  const path = findFile(request.dataDir, spec, file);
  const real = request.source === "real";
  const identity = real
    ? await checkMd5(path, file, side === 28 ? spec.md5 : spec.largerMd5[side], request)
    : createHash("sha256")
        .update(await readFile(path))
        .digest("hex")
        .slice(0, 16);
  const said = real ? file : `phantom of ${file}`;
  return { splits: await readArrays(path, spec, request, { file: said, side }), identity };
}

/** The small pictures are held in memory; the larger ones of MedMNIST+, up to 1.5 GB, stay on disk. */
async function readArrays(
  path: string,
  spec: MedMnistSpec,
  { counts }: ReadRequest,
  { file, side }: { readonly file: string; readonly side: MedMnistSize },
): Promise<Record<Split, Example[]>> {
  const expect = (arrays: ReadonlyMap<string, ArrayForm>) => (counts === "any" ? countsOf(arrays) : spec.counts);
  if (side === 28) {
    const arrays = await readNpz(path);
    const origin = { file, source: "real", fingerprint: "", side } as const;
    return readMedMnist(arrays, { ...spec, counts: expect(arrays) }, origin).splits as Record<Split, Example[]>;
  }
  const total = Object.values(spec.counts).reduce((sum, n) => sum + n, 0);
  const arrays = await storeNpz(path, Math.max(512 * 2 ** 20, 2 * total * side * side * spec.channels));
  const bytesOf = ({ read }: StoredArray, start: number, length: number) => read(start, length);
  return readMedMnistSplits({
    arrays,
    bytesOf,
    pictures: "read",
    spec: { ...spec, counts: expect(arrays) },
    file,
    side,
  });
}

function downloadsOf(spec: MedMnistSpec): Download[] {
  return MEDMNIST_SIZES.map((side) => {
    const file = medMnistFile(spec, side);
    const md5 = side === 28 ? spec.md5 : spec.largerMd5[side];
    return { url: `${RECORD}/${file}?download=1`, file: `medmnist/${file}`, md5 };
  });
}

/** The task of a MedMNIST data set. */
export function medMnistTask(spec: MedMnistSpec): TaskDefinition {
  const { train, validation, test } = spec.counts;
  return {
    name: spec.name,
    modality: spec.modality,
    labels: spec.labels,
    question: spec.question,
    answerFormat: "the number of one class",
    metrics: ["accuracy", "macroF1"],
    splitsNote: `published: ${train} / ${validation} / ${test}; the files name no patients, so a patient may stand in two splits`,
    layout: MEDMNIST_SIZES.map((side) => `medmnist/${medMnistFile(spec, side)}`),
    access: "open",
    downloads: downloadsOf(spec),
    card: spec.card,
    read: (request) => readFileOf(spec, request),
  };
}
