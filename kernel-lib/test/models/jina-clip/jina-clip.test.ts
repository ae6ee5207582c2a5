import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { openBackend } from "../../../src/compute/backend";
import { readSafetensors, writeSafetensors } from "../../../src/compute/safetensors";
import { loadDualEncoder, saveDualEncoder } from "../../../src/models/architectures";
import { encodeImages, encodeTexts } from "../../../src/models/dual-encoder/encoder";
import { parseJinaClipConfig } from "../../../src/models/jina-clip/config";
import { alibiSlopes } from "../../../src/models/jina-clip/model";
import {
  createJinaClip,
  type JinaClip,
  jinaClipShapes,
  loadJinaClip,
  saveJinaClip,
} from "../../../src/models/jina-clip/weights";
import { createLearnedTower, embedInBatches, loadLearnedTower } from "../../../src/retriever/learned-tower";
import { expectNoLeak } from "../../helpers/tensors";
import { type JinaCase, loadJinaCase } from "./case";

type Json = Record<string, unknown>;

let stored: JinaCase;
let model: JinaClip;
let root: string;
beforeAll(async () => {
  await openBackend();
  stored = loadJinaCase("published");
  model = stored.model;
  root = mkdtempSync(join(tmpdir(), "jina-clip-"));
}, 60_000);
afterAll(() => {
  model.dispose();
  rmSync(root, { recursive: true });
});

/** The message of the typed error that `run` throws. */
function refusal(run: () => unknown): string {
  const before = tf.memory().numTensors;
  try {
    run();
  } catch (error) {
    expect(tf.memory().numTensors).toBe(before);
    if (isKernelError(error)) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** A copy of the stored folder in which one file was changed. */
function changed(file: string, change: (path: string) => void): string {
  const folder = mkdtempSync(join(root, "changed-"));
  cpSync(stored.folder, folder, { recursive: true });
  change(join(folder, file));
  return folder;
}

function withTensors(change: (tensors: Map<string, { shape: readonly number[]; data: Float32Array }>) => void): string {
  return changed("model.safetensors", (path) => {
    const tensors = new Map(
      [...readSafetensors(path).tensors].map(([name, { shape, data }]) => [
        name,
        { shape, data: (data as Float32Array).slice() },
      ]),
    );
    change(tensors);
    writeSafetensors(
      path,
      [...tensors].map(([name, tensor]) => [name, { dtype: "F32" as const, ...tensor }] as const),
    );
  });
}

describe("a folder", () => {
  test("gives the same embeddings after saving and loading, through either door", async () => {
    const [own, door] = [join(root, "own"), join(root, "door")];
    saveJinaClip(model, own);
    saveDualEncoder(model, door);
    const [a, b] = [loadJinaClip(own), loadDualEncoder(door)];
    const images = (await encodeImages(model, stored.images)).data;
    const texts = (await encodeTexts(model, stored.numbers.texts)).data;
    for (const loaded of [a, b]) {
      expect((await encodeImages(loaded, stored.images)).data).toEqual(images);
      expect((await encodeTexts(loaded, stored.numbers.texts)).data).toEqual(texts);
    }
    expect([a.parts, b.kind]).toEqual([model.parts, "jina-clip"]);
    a.dispose();
    b.dispose();
  });

  test("is written without the tables of rotary positions, and read with or without them", () => {
    const tables = [...readSafetensors(join(stored.folder, "model.safetensors")).tensors.keys()].filter((name) =>
      name.includes("rope"),
    );
    expect(tables.sort()).toEqual(["vision_model.rope.freqs_cos", "vision_model.rope.freqs_sin"]);
    expect(model.parameters.names().filter((name) => name.includes("rope"))).toEqual([]);
    const other = withTensors((tensors) => {
      const table = tensors.get("vision_model.rope.freqs_cos")!;
      table.data[9] = table.data[9]! + 0.01;
    });
    expect(refusal(() => loadJinaClip(other))).toMatch(/vision_model\.rope\.freqs_cos must hold the rotary positions/);
    const cut = withTensors((tensors) => {
      tensors.set("vision_model.rope.freqs_sin", { shape: [4, 8], data: new Float32Array(32) });
    });
    expect(refusal(() => loadJinaClip(cut))).toContain("freqs_sin must have shape [9, 8]; got [4, 8]");
  });

  test("with a missing, unknown or wrongly shaped weight is refused with name and shapes", () => {
    const name = "text_model.transformer.encoder.layers.0.mixer.Wqkv.weight";
    const missing = withTensors((tensors) => tensors.delete(name));
    expect(refusal(() => loadJinaClip(missing))).toContain(`must hold weight ${name} with shape [72, 24]`);
    const shaped = withTensors((tensors) => {
      tensors.set("vision_model.pos_embed", { shape: [1, 9, 24], data: new Float32Array(216) });
    });
    expect(refusal(() => loadJinaClip(shaped))).toContain(
      "weight vision_model.pos_embed must have shape [1, 10, 24]; got [1, 9, 24]",
    );
    const unknown = withTensors((tensors) => {
      tensors.set("vision_model.mask_token", { shape: [1], data: new Float32Array(1) });
    });
    expect(refusal(() => loadJinaClip(unknown))).toContain("got vision_model.mask_token [1]");
  });

  test("of another model is refused by the common door, which names both", () => {
    const other = changed("config.json", (path) => writeFileSync(path, JSON.stringify({ model_type: "siglip" })));
    expect(refusal(() => loadDualEncoder(other))).toMatch(/must be one of clip, jina_clip, open_clip; got "siglip"/);
    expect(refusal(() => loadDualEncoder(join(root, "nowhere")))).toMatch(/config\.json must be a JSON file/);
    const clip = loadDualEncoder(join(__dirname, "../../reference/clip/model"));
    expect(clip.kind).toBe("clip");
    clip.dispose();
  });
});

describe("createJinaClip", () => {
  const config = (): Json => structuredClone(model.parts.config) as Json;
  /** The stored configuration with fields of one section replaced. */
  const withFields = (section: "vision_config" | "text_config" | "bert", fields: Json): Json => {
    const json = config();
    const text = json["text_config"] as Json;
    const target = section === "bert" ? (text["hf_model_config_kwargs"] as Json) : (json[section] as Json);
    Object.assign(target, fields);
    return json;
  };

  test("draws the same from the same seed, differently from another, and frees everything", () => {
    const [a, b, c] = [7, 7, 8].map((seed) => createJinaClip(model.parts, seed));
    expect(a!.parameters.export()).toEqual(b!.parameters.export());
    expect(a!.parameters.export()).not.toEqual(c!.parameters.export());
    for (const drawn of [a, b, c]) drawn!.dispose();
    expectNoLeak(() => createJinaClip(model.parts, 1).dispose());
  });

  test.each([
    ["vision_config", { ls_init_value: 1e-5 }, "ls_init_value must be null; got 0.00001"],
    ["vision_config", { post_norm: true }, "post_norm must be false; got true"],
    ["vision_config", { proj_type: "mlp" }, 'vision_config.proj_type must be null or "linear"; got "mlp"'],
    ["vision_config", { head_width: 7 }, "width must be a multiple of 7; got 24"],
    ["vision_config", { head_width: 6 }, "head_width must be a multiple of 4 with rope_embeddings; got 6"],
    [
      "vision_config",
      { intp_freq: false },
      "pt_hw_seq_len must be image_size / patch_size = 3 unless intp_freq is true",
    ],
    ["vision_config", { layers: 1e9 }, "layers must be a whole number from 1 to"],
    ["vision_config", { mlp_ratio: 1e300 }, "mlp_ratio must be such that width · mlp_ratio lies in 1 …"],
    ["vision_config", { subln: "yes" }, 'subln must be true or false; got "yes"'],
    ["vision_config", { swiglu_packed: true }, "vision_config.swiglu_packed must be left out, or one of embed_dim"],
    ["vision_config", { width: 48 }, '"linear" where width 48 is not embed_dim 24'],
    ["text_config", { embed_dim: 32 }, "text_config.embed_dim must be vision_config.embed_dim = 24; got 32"],
    ["text_config", { pooler_type: "cls_pooler" }, 'pooler_type must be "mean_pooler"; got "cls_pooler"'],
    ["text_config", { default_lora_task: "retrieval.query" }, "default_lora_task must be null"],
    ["text_config", { hf_model_name_or_path: "jinaai/jina-embeddings-v3" }, "hf_model_name_or_path must be"],
    ["bert", { num_loras: 5 }, "hf_model_config_kwargs.num_loras must be left out"],
    ["bert", { position_embedding_type: "absolute" }, 'position_embedding_type must be "alibi"; got "absolute"'],
    ["bert", { use_qk_norm: true }, "use_qk_norm must be false; got true"],
    ["bert", { vocab_size: 9 }, "vocab_size must be at least the tokenizer's 68 tokens; got 9"],
    ["bert", { pad_token_id: 71 }, "pad_token_id must be below vocab_size 71; got 71"],
    ["bert", { hidden_size: 25 }, "hidden_size must be a multiple of 6; got 25"],
  ] as const)("refuses %s %j", (section, fields, message) => {
    const json = withFields(section, fields);
    expect(refusal(() => createJinaClip({ ...model.parts, config: json }, 1))).toContain(message);
  });

  test("refuses another model, shortened embeddings, and pictures of another size", () => {
    const make = (parts: object) => refusal(() => createJinaClip({ ...model.parts, ...parts }, 1));
    expect(make({ config: { ...config(), model_type: "clip" } })).toContain(
      'model_type must be "jina_clip"; got "clip"',
    );
    expect(make({ config: { ...config(), truncate_dim: 8 } })).toContain("truncate_dim must be null; got 8");
    const preprocessor = (fields: Json): Json => ({ ...model.parts.preprocessor, ...fields });
    expect(make({ preprocessor: preprocessor({ size: 16 }) })).toContain(
      "createJinaClip: size of preprocessor_config.json must be image_size = 12; got 16",
    );
    expect(make({ preprocessor: preprocessor({ size: [12, 16] }) })).toContain(
      "size of preprocessor_config.json must be",
    );
    expect(make({ preprocessor: preprocessor({ resize_mode: "longest" }) })).toContain('must be "shortest"');
    expect(make({ preprocessor: preprocessor({ interpolation: "bilinear" }) })).toContain('must be "bicubic"');
    expect(make({ preprocessor: preprocessor({ do_pad: true }) })).toContain(
      "do_pad of preprocessor_config.json must be",
    );
  });

  test("reads sizes as a number, one and two numbers, and one colour value for all channels", () => {
    for (const size of [12, [12], [12, 12]]) {
      const made = createJinaClip({ ...model.parts, preprocessor: { size, mean: 0.5, std: [0.5, 0.5, 0.5] } }, 1);
      expect(made.imageConfig).toMatchObject({
        shortestEdge: 12,
        cropHeight: 12,
        cropWidth: 12,
        mean: [0.5, 0.5, 0.5],
      });
      made.dispose();
    }
  });
});

describe("the published configuration", () => {
  test("asks for as many values as jina-clip-v1 has", () => {
    const vision = {
      ...{ embed_dim: 768, width: 768, image_size: 224, patch_size: 16, layers: 12, head_width: 64, mlp_ratio: 2.6667 },
      ...{ qkv_bias: true, rope_embeddings: true, pt_hw_seq_len: 16, intp_freq: true, naive_swiglu: true, subln: true },
      ...{ patch_dropout: 0.1, x_attention: true, post_norm: false, proj_type: null },
    };
    const text = {
      embed_dim: 768,
      hf_model_name_or_path: "jinaai/jina-bert-flash-implementation",
      pooler_type: "mean_pooler",
    };
    const config = parseJinaClipConfig({ model_type: "jina_clip", vision_config: vision, text_config: text });
    const sizes = [...jinaClipShapes(config)].map(([name, shape]) => [name, shape.reduce((a, b) => a * b, 1)] as const);
    const count = sizes.reduce((sum, [name, size]) => sum + (name === "logit_scale" ? 0 : size), 0);
    // its page counts 222,672,128: these, and the two tables of rotary positions of 14 x 14 patches
    expect(count + 2 * 14 * 14 * 64).toBe(222_672_128);
    expect(config.text).toMatchObject({ maxPositions: 512, numHeads: 12, layerNormEpsilon: 1e-12 });
  });
});

describe("ALiBi", () => {
  test("slopes are a geometric row, the rest from twice as many heads", () => {
    expect(alibiSlopes(4)).toEqual([1 / 4, 1 / 16, 1 / 64, 1 / 256]);
    expect(alibiSlopes(6)).toEqual([1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]);
    expect(alibiSlopes(1)).toEqual([1 / 256]);
    expect(alibiSlopes(12)).toHaveLength(12);
  });

  test("the order of words matters; how long the other texts are does not", async () => {
    const [alone] = [await encodeTexts(model, ["a round shadow"])];
    const among = await encodeTexts(model, [
      "a round shadow",
      "round a shadow",
      "the circle and the shadow of a circle",
    ]);
    const row = (i: number) => among.data.subarray(i * among.cols, (i + 1) * among.cols);
    const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
    expect(far(alone!.data, row(0))).toBeLessThan(1e-6);
    expect(far(row(0), row(1))).toBeGreaterThan(0.01);
  });

  test("a text of padding alone is refused", () => {
    const { parameters, towers } = model;
    const texts = { rows: 2, columns: 2, ids: Int32Array.of(2, 3, 0, 0), ends: Int32Array.of(1, 0) };
    expect(refusal(() => towers.textEmbeddings(parameters, texts))).toContain("text 1 has none");
  });
});

test("pictures of another size are refused with both shapes", () => {
  const pixels = tf.zeros([1, 8, 8, 3]) as tf.Tensor4D;
  expect(refusal(() => model.towers.imageEmbeddings(model.parameters, pixels))).toContain("[any, 12, 12, 3]");
  pixels.dispose();
});

test("texts that are cut are said", async () => {
  const seen: unknown[] = [];
  await encodeTexts(model, stored.numbers.texts, { onWarn: (code, message) => seen.push([code, message]) });
  expect(seen).toEqual([["text-cut", "1 of 4 texts are longer than 24 tokens and were cut."]]);
});

test("a head's tower is a copy of the image tower, saved and loaded bit for bit", async () => {
  const before = tf.memory().numTensors;
  const tower = createLearnedTower(model);
  expect(tower.variables).toHaveLength(
    model.parameters.names().filter((name) => name.startsWith("vision_model.")).length,
  );
  const frozen = await encodeImages(model, stored.images);
  expect([...(await embedInBatches(tower, stored.images)).data]).toEqual([...frozen.data]);
  const file = join(root, "tower.safetensors");
  tower.save(file);
  const loaded = loadLearnedTower(model, file);
  expect([...(await embedInBatches(loaded, stored.images)).data]).toEqual([...frozen.data]);
  tower.dispose();
  loaded.dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(readFileSync(file).length).toBeGreaterThan(0);
});
