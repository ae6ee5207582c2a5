import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { createRandom } from "../../../src/base/random";
import type { RasterImage } from "../../../src/base/types";
import { openBackend } from "../../../src/compute/backend";
import { loadDualEncoder } from "../../../src/models/architectures";
import type { DualEncoder } from "../../../src/models/dual-encoder/encoder";
import { encodeImages, encodeTexts } from "../../../src/models/dual-encoder/encoder";
import { mutateBytes, mutateJson } from "../mutate";

const SOURCE = join(__dirname, "../../reference/jina-clip/published");
/** Of processor time: the machine may be busy. */
const MOST_SECONDS = 5;
const IMAGE: RasterImage = { width: 14, height: 12, channels: 3, data: new Uint8Array(504).fill(90) };

let folder: string;
beforeAll(async () => {
  await openBackend();
  folder = mkdtempSync(join(tmpdir(), "jina-mutated-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Loads and uses the folder; anything but a typed error fails the test. */
async function read(): Promise<"loaded" | "refused"> {
  let model: DualEncoder | null = null;
  try {
    model = loadDualEncoder(folder);
    const [image, text] = [await encodeImages(model, [IMAGE]), await encodeTexts(model, ["a round shadow", ""])];
    expect([image.rows, text.rows]).toEqual([1, 2]);
    return "loaded";
  } catch (error) {
    if (!isKernelError(error)) throw error;
    expect(error.message.length).toBeGreaterThan(20);
    return "refused";
  } finally {
    model?.dispose();
  }
}

describe.each([
  ["config.json", 160],
  ["preprocessor_config.json", 80],
  ["tokenizer.json", 80],
  ["model.safetensors", 100],
] as const)("damage to %s", (file, count) => {
  test(`${count} damaged files are refused with a typed error or read as they are, and leave no tensor`, async () => {
    const random = createRandom(`jina ${file}`);
    const intact = readFileSync(join(SOURCE, file));
    const outcomes = new Set<string>();
    const before = tf.memory().numTensors;
    for (let i = 0; i < count; i++) {
      cpSync(SOURCE, folder, { recursive: true });
      const isJson = file.endsWith(".json") && random.uniform(0, 1) < 0.8;
      const damaged = isJson ? mutateJson(intact.toString(), random) : mutateBytes(intact, random);
      writeFileSync(join(folder, file), damaged);
      const start = process.cpuUsage();
      try {
        outcomes.add(await read());
      } catch (error) {
        throw new Error(`damage ${i} to ${file}: ${damaged.toString().slice(0, 3000)}`, { cause: error });
      }
      const { user, system } = process.cpuUsage(start);
      expect([i, (user + system) / 1e6 < MOST_SECONDS]).toEqual([i, true]);
      expect([i, tf.memory().numTensors]).toEqual([i, before]);
    }
    expect([...outcomes].sort()).toEqual(["loaded", "refused"]);
  });
});
