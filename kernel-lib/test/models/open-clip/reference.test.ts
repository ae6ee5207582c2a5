import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { openBackend } from "../../../src/compute/backend";
import { writeSafetensors } from "../../../src/compute/safetensors";
import { checkpointFolder } from "../../../src/experiments/checkpoint-folder";
import { listModels } from "../../../src/hub/models";
import { loadDualEncoder, saveDualEncoder } from "../../../src/models/architectures";
import {
  contrastiveLoss,
  copyImageWeights,
  type DualEncoder,
  encodeImages,
  encodeTexts,
} from "../../../src/models/dual-encoder/encoder";
import { refusal } from "../../helpers/refusal";
import { expectNoLeak } from "../../helpers/tensors";
import { type Sample, sampleError } from "../jina-clip/case";

/** What open_clip computed: reference/open-clip/make-reference.py. */
interface Numbers {
  readonly texts: string[];
  /** Padded to the context length with 0. */
  readonly ids: number[][];
  readonly images: { height: number; width: number; data: number[] }[];
  readonly pixels: Sample;
  readonly imageEmbeddings: number[];
  readonly textEmbeddings: number[];
  readonly loss: number;
  readonly shapes: Record<string, number[]>;
  readonly gradients: Record<string, Sample>;
}

const WEIGHTS = "open_clip_model.safetensors";
let root = "";
beforeAll(async () => {
  await openBackend();
  root = mkdtempSync(join(tmpdir(), "open-clip-"));
}, 60_000);
afterAll(() => rmSync(root, { recursive: true }));

/** The weights that make-reference.py gives its model: a row of sines from the name. */
function weightOf(name: string, shape: readonly number[]): Float32Array {
  const size = shape.reduce((product, n) => product * n, 1);
  if (name === "logit_scale") return Float32Array.of(2);
  const inputs = size / (shape[0] ?? 1);
  const small = shape.length < 2 || /pos_embed|cls_token/.test(name);
  const plain = small ? 0.2 : 2.5 / Math.sqrt(inputs);
  const scale = name.includes("_embeddings") && shape.length === 2 ? 1 : plain;
  const shift = shape.length === 1 && name.endsWith(".weight") ? 1 : 0;
  const start = crc32(name) % 1000;
  return Float32Array.from(
    { length: size },
    (_, i) => shift + scale * Math.sin(start + 0.61803 * i + 0.37 * ((i * i) % 10_007)),
  );
}

function makeFolder(name: string): { folder: string; numbers: Numbers } {
  const stored = join(__dirname, "../../reference/open-clip", name);
  const numbers = JSON.parse(readFileSync(join(stored, "reference.json"), "utf8")) as Numbers;
  const folder = mkdtempSync(join(root, `${name}-`));
  for (const file of ["open_clip_config.json", "tokenizer.json", "tokenizer_config.json"])
    cpSync(join(stored, file), join(folder, file));
  const tensors = Object.entries(numbers.shapes).map(
    ([weight, shape]) => [weight, { dtype: "F32" as const, shape, data: weightOf(weight, shape) }] as const,
  );
  writeSafetensors(join(folder, WEIGHTS), tensors);
  return { folder, numbers };
}

const largestDifference = (a: ArrayLike<number>, b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return b.reduce((most, value, i) => Math.max(most, Math.abs(value - a[i]!)), 0);
};

describe.each(["biomed-clip", "mean"])("%s, against open_clip", (name) => {
  let model: DualEncoder;
  let folder = "";
  let numbers: Numbers;
  let images: RasterImage[];
  beforeAll(() => {
    ({ folder, numbers } = makeFolder(name));
    images = numbers.images.map(({ data, ...size }) => ({ ...size, channels: 3, data: Uint8Array.from(data) }));
    model = loadDualEncoder(folder);
  });
  afterAll(() => model.dispose());

  const lossOf = (): tf.Scalar =>
    tf.tidy(() => {
      const { parameters, towers } = model;
      const rows = towers.imageEmbeddings(parameters, towers.pixels(images));
      const texts = towers.textEmbeddings(parameters, towers.texts(numbers.texts));
      return contrastiveLoss(rows, texts, parameters.get("logit_scale"));
    });

  test("the same tokens and pixels", () => {
    const { columns, ids } = model.towers.texts(numbers.texts);
    const rows = numbers.texts.map((_, row) => [...ids.subarray(row * columns, (row + 1) * columns)]);
    expect(rows).toEqual(numbers.ids.map((row) => row.slice(0, columns)));
    expect(numbers.ids.flatMap((row) => row.slice(columns)).every((id) => id === 0)).toBe(true);
    const pixels = model.towers.pixels(images);
    expect(sampleError(pixels.dataSync(), numbers.pixels)).toBeLessThan(1e-6);
    pixels.dispose();
  });

  test("the same embeddings, and pictures and texts are told apart", async () => {
    const [rows, texts] = [await encodeImages(model, images), await encodeTexts(model, numbers.texts)];
    expect(largestDifference(rows.data, numbers.imageEmbeddings)).toBeLessThan(5e-6);
    expect(largestDifference(texts.data, numbers.textEmbeddings)).toBeLessThan(5e-6);
    const { width } = model.towers;
    for (const { data } of [rows, texts])
      expect(largestDifference(data.subarray(0, width), [...data.subarray(width, 2 * width)])).toBeGreaterThan(0.05);
  });

  test("the same loss, and the same gradient of every weight", () => {
    const variables = model.parameters.unfreeze();
    const { value, grads } = tf.variableGrads(lossOf, variables);
    model.parameters.freeze();
    expect(value.dataSync()[0]).toBeCloseTo(numbers.loss, 4);
    expect(Object.keys(numbers.gradients).sort()).toEqual(model.parameters.names().sort());
    for (const [weight, sample] of Object.entries(numbers.gradients)) {
      // a key's bias moves all scores alike: its gradient is nothing but rounding
      if (/self\.key\.bias$/.test(weight)) continue;
      const gradient = grads[model.parameters.get(weight).name]!.dataSync();
      expect([weight, sampleError(gradient, sample) < 1e-3]).toEqual([weight, true]);
    }
    value.dispose();
    tf.dispose(grads);
    expectNoLeak(() => lossOf().dispose());
  });

  test("saved, loaded, the same; the copy of its image tower is the vision transformer", async () => {
    const saved = join(root, `${name}-saved`);
    saveDualEncoder(model, saved);
    const again = loadDualEncoder(saved);
    expect((await encodeTexts(again, numbers.texts)).data).toEqual((await encodeTexts(model, numbers.texts)).data);
    const copy = copyImageWeights(again);
    expect(copy.names().every((weight) => weight.startsWith("visual."))).toBe(true);
    copy.dispose();
    again.dispose();
  });
});

describe("a folder of open_clip's layout", () => {
  const change = (
    folder: string,
    edit: (config: { model_cfg: Record<string, Record<string, unknown>> }) => void,
  ): void => {
    const file = join(folder, "open_clip_config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    edit(config);
    writeFileSync(file, JSON.stringify(config));
  };

  test("has a fingerprint, is listed, and may name its weights after the pickle", async () => {
    const { folder } = makeFolder("mean");
    const { fingerprint } = await checkpointFolder("clip", { named: folder });
    expect(fingerprint).toMatch(/^clip:[0-9a-f]{32}$/);
    renameSync(join(folder, WEIGHTS), join(folder, "open_clip_pytorch_model.safetensors"));
    loadDualEncoder(folder).dispose();
    process.env["JOMED_MODELS_DIR"] = root;
    const listed = listModels(join(root, "none")).filter(({ folder: found }) => found === folder);
    delete process.env["JOMED_MODELS_DIR"];
    expect(listed).toMatchObject([{ type: "open_clip" }]);
  });

  test("with a pickle alone is refused with the way to write its weights", () => {
    const { folder } = makeFolder("mean");
    renameSync(join(folder, WEIGHTS), join(folder, "open_clip_pytorch_model.bin"));
    expect(refusal(() => loadDualEncoder(folder)).message).toMatch(/must hold open_clip_model.safetensors.*save_model/);
  });

  test.each([
    ["vision_cfg", "timm_model_name", "vit_base_patch16_clip_224", /timm_model_name/],
    ["vision_cfg", "timm_model_name", "convnext_base", /plain vision transformer/],
    ["vision_cfg", "timm_pool", "avg", /timm_pool/],
    ["vision_cfg", "timm_proj", "mlp", /timm_proj/],
    ["vision_cfg", "image_size", 40, /image_size/],
    ["vision_cfg", "layers", 12, /layers/],
    ["text_cfg", "hf_model_name", "roberta-base", /hf_model_name.*BERT/],
    ["text_cfg", "hf_pooler_type", "cls_pooler", /hf_pooler_type/],
    ["text_cfg", "hf_proj_type", "mlp", /text.proj.0.weight/],
    ["text_cfg", "context_length", 400, /at most the 20 positions/],
  ])("%s.%s = %j is refused by name", (section, field, value, message) => {
    const { folder } = makeFolder("mean");
    change(folder, ({ model_cfg }) => {
      model_cfg[section]![field] = value;
    });
    const error = refusal(() => loadDualEncoder(folder));
    expect([error.code, message.test(error.message)]).toEqual(["data", true]);
  });
});
