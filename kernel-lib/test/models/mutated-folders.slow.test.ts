import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { createRandom } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { loadReaderModel } from "../../src/models/architectures";
import { readerLogits } from "../../src/models/vision-language/logits";
import type { VisionLanguageModel } from "../../src/models/vision-language/model";
import { collatePrompts, tokenizePrompt } from "../../src/models/vision-language/prompt-batch";
import { readCheckpoint, writeCheckpoint } from "../../src/models/weights/model-folder";
import { mutateBytes, mutateJson } from "./mutate";

const SOURCE = join(__dirname, "../reference/pixtral/tied");
const INDEX = "model.safetensors.index.json";
/** Of processor time: the machine may be busy. */
const MOST_SECONDS = 5;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let root: string;
/** What loading and using the intact folder takes, garbage included: a damaged file may take four times its size more. */
let intactBytes = 0;
beforeAll(async () => {
  await openBackend();
  root = mkdtempSync(join(tmpdir(), "mutated-"));
  for (const [name, options] of [
    ["single", {}],
    ["sharded", { maxShardBytes: 20_000 }],
  ] as const) {
    cpSync(SOURCE, join(root, name), { recursive: true });
    writeCheckpoint(join(root, name), readCheckpoint(SOURCE), options);
  }
  // as folders were before transformers 5: the image processor in a file of its own, which else is not read
  cpSync(join(root, "single"), join(root, "older"), { recursive: true });
  const processor = join(root, "older", "processor_config.json");
  const { image_processor: _moved, ...rest } = JSON.parse(readFileSync(processor, "utf8")) as Record<string, unknown>;
  writeFileSync(processor, JSON.stringify(rest));
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    const before = held();
    read(join(root, i % 2 === 0 ? "single" : "sharded"));
    if (i > 1) intactBytes = Math.max(intactBytes, held() - before); // the first ones fill one-time caches
  }
});
afterAll(() => rmSync(root, { recursive: true }));

interface Outcome {
  readonly kind: "loaded" | "refused";
  readonly message: string;
}

/** Loads a folder and reads a picture and a text with it; anything but a typed error fails the test. */
function read(folder: string): Outcome {
  let model: VisionLanguageModel | null = null;
  try {
    model = loadReaderModel(folder);
    assertWeightsAreTheFiles(model, folder);
    const image: RasterImage = { width: 8, height: 4, channels: 1, data: new Uint8Array(32).fill(90) };
    const chat = [
      {
        role: "user",
        content: [
          { type: "image", image },
          { type: "text", text: "what is it?" },
        ],
      },
    ] as const;
    const batch = collatePrompts(model, [tokenizePrompt(model, chat)]);
    const logits = readerLogits(model, batch, [{ row: 0, column: batch.columns - 1 }]);
    expect(logits.shape).toEqual([1, model.config.text.vocabSize]);
    logits.dispose();
    return { kind: "loaded", message: "" };
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return { kind: "refused", message: error.message };
  } finally {
    model?.dispose();
  }
}

/** Compares with a second, plain decoding of the files: a damaged value may be read, a shifted one not. */
function assertWeightsAreTheFiles(model: VisionLanguageModel, folder: string): void {
  const found = [...model.parameters.entries().values()].reduce((sum, { data }) => sum + checksum(data), 0);
  const files = [...new Set(fileList(folder))];
  const expected = files.reduce((sum, file) => sum + fileChecksum(join(folder, file)), 0);
  if (Number.isFinite(expected)) expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
}

function fileList(folder: string): string[] {
  if (!folder.includes("sharded")) return ["model.safetensors"];
  return Object.values(JSON.parse(readFileSync(join(folder, INDEX), "utf8")).weight_map as Record<string, string>);
}

function checksum(values: Float32Array): number {
  return values.reduce((sum, value, i) => sum + Math.abs(value) * (1 + (i % 7)), 0);
}

function fileChecksum(file: string): number {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  return Object.entries(header).reduce((sum, [name, { dtype, data_offsets }]) => {
    if (name === "__metadata__" || dtype !== "F32") return name === "__metadata__" ? sum : Number.NaN;
    const part = Uint8Array.from(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    return sum + checksum(new Float32Array(part.buffer));
  }, 0);
}

/** Puts a damaged file in its place, reads the folder, and puts the intact one back. */
function readDamaged(folder: string, file: string, damaged: Buffer | string): Outcome {
  const path = join(folder, file);
  const intact = readFileSync(path);
  writeFileSync(path, damaged);
  const bytes = statSync(path).size;
  try {
    collectGarbage();
    const before = held();
    const start = process.cpuUsage();
    const outcome = read(folder);
    expect(process.cpuUsage(start).user / 1e6, outcome.message).toBeLessThan(MOST_SECONDS);
    expect(held() - before, `${file}: ${outcome.message}`).toBeLessThan(4 * bytes + 1.5 * intactBytes);
    return outcome;
  } finally {
    writeFileSync(path, intact);
  }
}

function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe.each([
  ["single", "model.safetensors", 200],
  ["sharded", INDEX, 80],
  ["single", "config.json", 120],
  ["single", "tokenizer.json", 100],
  ["sharded", "model-00002-of-00004.safetensors", 60],
  ["single", "processor_config.json", 40],
  ["older", "preprocessor_config.json", 40],
  ["single", "tokenizer_config.json", 40],
  ["single", "chat_template.jinja", 40],
] as const)("damage to a %s folder's %s", (name, file, count) => {
  test(`${count} damaged files are refused with a typed error or read as they are`, () => {
    const folder = join(root, name);
    const intact = readFileSync(join(folder, file));
    const tensors = tf.memory().numTensors;
    const kinds = { loaded: 0, refused: 0 };
    for (let i = 0; i < count; i++) {
      const random = createRandom(i).fork(file);
      const json = file.endsWith(".json") && i % 4 !== 0;
      const damaged = json ? mutateJson(intact.toString("utf8"), random) : mutateBytes(intact, random);
      kinds[readDamaged(folder, file, damaged).kind]++;
    }
    expect(kinds.loaded + kinds.refused).toBe(count);
    expect(kinds.refused).toBeGreaterThan(count / 10);
    expect(kinds.loaded).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
