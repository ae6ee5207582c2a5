import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../../src/compute/safetensors";
import { type LoraAdapter, mergeLora } from "../../../src/models/lora/lora";
import { loadLora, saveLora } from "../../../src/models/lora/peft-files";
import { loadPixtral } from "../../../src/models/pixtral/weights";
import { readerLogits } from "../../../src/models/vision-language/logits";
import type { VisionLanguageModel } from "../../../src/models/vision-language/model";
import { collatePrompts, tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

const LAYER = "model.language_model.layers.0";
const [QUERY, KEY, DOWN] = [`${LAYER}.self_attn.q_proj`, `${LAYER}.self_attn.k_proj`, `${LAYER}.mlp.down_proj`];

let folder = "";
let model: VisionLanguageModel;
beforeAll(async () => {
  await openBackend();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "everyday-lora-"));
  model = tinyModel();
});
afterEach(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

interface Pair {
  readonly A: StoredTensor;
  readonly B: StoredTensor;
}

/** Two matrices for a weight of this shape, of any values. */
function pairOf([outSize, inSize]: readonly number[], rank: number): Pair {
  const random = createRandom(`${outSize} ${inSize} ${rank}`);
  const tensor = (shape: number[]): StoredTensor => ({
    dtype: "F32",
    shape,
    data: Float32Array.from({ length: shape[0]! * shape[1]! }, () => random.normal()),
  });
  return { A: tensor([rank, inSize!]), B: tensor([outSize!, rank]) };
}

/** Writes a PEFT folder. @param ranks by the module's name here; `nameOf` says how the file calls it. */
function write(
  config: object,
  ranks: Readonly<Record<string, number>>,
  { nameOf = (module: string) => module, extra = {} as Record<string, StoredTensor> } = {},
): void {
  const tensors = Object.entries(ranks).flatMap(([module, rank]): [string, StoredTensor][] => {
    const weight = model.parameters.has(`${module}.weight`) ? module : "model.language_model.embed_tokens";
    const { A, B } = pairOf(model.parameters.shape(`${weight}.weight`), rank);
    const written = `base_model.model.${nameOf(module)}`;
    return [
      [`${written}.lora_A.weight`, A],
      [`${written}.lora_B.weight`, B],
    ];
  });
  writeSafetensors(join(folder, "adapter_model.safetensors"), [...tensors, ...Object.entries(extra)]);
  const settings = { peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj", "k_proj"], ...config };
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(settings));
}

/** Rank and scaling of every module of an adapter. */
function shapes(adapter: LoraAdapter): Record<string, [rank: number, scaling: number]> {
  return Object.fromEntries(
    adapter.config.modules.map((module) => {
      const { A, scaling } = model.parameters.adapters.get(module)!;
      return [module, [A.shape[0], scaling]];
    }),
  );
}

/** The same modules in both layers of the text model. */
const both = (ranks: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(ranks).flatMap(([module, rank]) => [
      [module, rank],
      [module.replace("layers.0", "layers.1"), rank],
    ]),
  );

describe("ranks and alphas of modules", () => {
  test("follow rank_pattern and alpha_pattern, the first that fits, as PEFT's", () => {
    const patterns = {
      rank_pattern: { "layers.0.self_attn.q_proj": 2, q_proj: 6 },
      alpha_pattern: { "layers\\.\\d\\.self_attn\\.k_proj": 5, proj: 100 }, // "proj" follows no dot of any name
    };
    write(patterns, { ...both({ [QUERY]: 6, [KEY]: 4 }), [QUERY]: 2 });
    expect(shapes(loadLora(model.parameters, folder))).toEqual({
      [QUERY]: [2, 8 / 2],
      [KEY]: [4, 5 / 4],
      [QUERY.replace("0", "1")]: [6, 8 / 6],
      [KEY.replace("0", "1")]: [4, 5 / 4],
    });
  });

  test("are scaled by the root of the own rank when rank-stabilised", () => {
    write({ use_rslora: true, rank_pattern: { q_proj: 9 } }, both({ [QUERY]: 9, [KEY]: 4 }));
    expect(shapes(loadLora(model.parameters, folder))).toMatchObject({ [QUERY]: [9, 8 / 3], [KEY]: [4, 8 / 2] });
  });

  test("are saved so that they come back", () => {
    write({ rank_pattern: { q_proj: 2 }, alpha_pattern: { q_proj: 3 } }, both({ [QUERY]: 2, [KEY]: 4 }));
    const adapter = loadLora(model.parameters, folder);
    const before = shapes(adapter);
    saveLora(adapter, join(folder, "again"));
    adapter.dispose();
    expect(shapes(loadLora(model.parameters, join(folder, "again")))).toEqual(before);
    const json = JSON.parse(readFileSync(join(folder, "again/adapter_config.json"), "utf8"));
    expect(json.rank_pattern).toEqual(both({ [QUERY]: 2 }));
    expect(json.alpha_pattern).toEqual(both({ [QUERY]: 3 }));
  });

  test("are merged each with its own scaling", () => {
    write({ rank_pattern: { q_proj: 2 } }, both({ [QUERY]: 2, [KEY]: 4 }));
    const adapter = loadLora(model.parameters, folder);
    const before = model.parameters.get(`${QUERY}.weight`).dataSync().slice();
    const [A, B] = [adapter.matrices[0]!.A.dataSync(), adapter.matrices[0]!.B.dataSync()];
    mergeLora(model.parameters, adapter);
    const columns = model.parameters.shape(`${QUERY}.weight`)[1]!;
    const expected = before[0]! + (8 / 2) * (B[0]! * A[0]! + B[1]! * A[columns]!);
    expect(model.parameters.get(`${QUERY}.weight`).dataSync()[0]).toBeCloseTo(expected, 4);
    adapter.dispose();
  });
});

describe("exclude_modules", () => {
  test.each([[["k_proj"]], [[KEY, KEY.replace("0", "1")]], [".*k_proj"]])(
    "%j leaves modules out that the targets mean",
    (excluded) => {
      write({ exclude_modules: excluded }, both({ [QUERY]: 4 }));
      expect(loadLora(model.parameters, folder).config.modules).toEqual(Object.keys(both({ [QUERY]: 4 })));
    },
  );

  test("is said in older names where the file is", () => {
    const older = (module: string): string => model.parameters.olderNameOf(module);
    expect(older(KEY)).toBe("model.layers.0.self_attn.k_proj");
    write({ exclude_modules: "model\\.layers\\.\\d+\\.self_attn\\.k_proj" }, both({ [QUERY]: 4 }), { nameOf: older });
    expect(loadLora(model.parameters, folder).config.modules).toEqual(Object.keys(both({ [QUERY]: 4 })));
  });
});

describe("layers_to_transform", () => {
  const first = (ranks: Readonly<Record<string, number>>): string[] =>
    Object.keys(ranks).map((module) => module.replace("0", "1"));

  test.each([
    [{ layers_to_transform: [1] }],
    [{ layers_to_transform: 1, layers_pattern: "layers" }],
    [{ layers_to_transform: [1, 7], layers_pattern: ["h", "layers"] }],
  ])("%j leaves out the modules of other layers, as PEFT does", (choice) => {
    write(choice, { [QUERY.replace("0", "1")]: 4, [KEY.replace("0", "1")]: 4 });
    expect(loadLora(model.parameters, folder).config.modules).toEqual(first({ [QUERY]: 4, [KEY]: 4 }));
    write(choice, both({ [QUERY]: 4, [KEY]: 4 }));
    model.dispose();
    model = tinyModel();
    expect(() => loadLora(model.parameters, folder)).toThrow(
      /holds matrices of \S+layers\.0\.self_attn\.[qk]_proj, which layers_to_transform of \S+ leaves out/,
    );
  });

  test("says nothing of a module that is named in full, and nothing fits a pattern without its number", () => {
    write({ layers_to_transform: [1], target_modules: [QUERY] }, { [QUERY]: 4 });
    expect(loadLora(model.parameters, folder).config.modules).toEqual([QUERY]);
    write({ layers_to_transform: [0], layers_pattern: "blocks" }, { [QUERY]: 4 });
    expect(() => loadLora(model.parameters, folder)).toThrow("which layers_to_transform of");
  });

  test.each([
    [{ layers_to_transform: ["x"] }, /layers_to_transform of \S+ must be a whole number, or several; got \["x"\]/],
    [{ layers_to_transform: [0], layers_pattern: 5 }, /layers_pattern of \S+ must be a name or several; got 5/],
    [{ layers_pattern: "layers" }, /layers_to_transform of \S+ must be a whole number, or several/],
  ])("%j is refused", (choice, wording) => {
    write(choice, { [QUERY]: 4 });
    expect(() => loadLora(model.parameters, folder)).toThrow(wording);
  });
});

describe("expressions from before transformers 4.52", () => {
  const older = (module: string): string => model.parameters.olderNameOf(module);

  test("mean the modules that had these names, and no others", () => {
    // today's names of the vision tower begin with "model." too; older ones did not
    const target_modules = "model\\..*(q_proj|k_proj|fc1)";
    write({ target_modules }, both({ [QUERY]: 4, [KEY]: 4 }), { nameOf: older });
    expect(loadLora(model.parameters, folder).config.modules).toHaveLength(4);
  });

  test("miss the modules they mean where the file lacks them", () => {
    write({ target_modules: "model\\.layers\\.\\d+\\.self_attn\\.[qk]_proj" }, both({ [QUERY]: 4 }), { nameOf: older });
    expect(() => loadLora(model.parameters, folder)).toThrow(
      /must hold floats of shape \S+ \S+ for \S+k_proj; got nothing/,
    );
  });

  test("are read beside matrices under today's names", () => {
    write({ target_modules: "model\\.layers\\.\\d+\\.self_attn\\.q_proj" }, both({ [QUERY]: 4 }));
    expect(loadLora(model.parameters, folder).config.modules).toHaveLength(2);
  });
});

describe("an adapter of the output head", () => {
  const copyOf = (name: string, change = 0, dtype: "F32" | "BF16" = "F32"): StoredTensor => {
    const weight = model.parameters.get(name);
    const data = Float32Array.from(weight.dataSync(), (value, i) => value + (i === 5 ? change : 0));
    return { dtype, shape: weight.shape, data };
  };
  const lastLogits = (): number[] => {
    const batch = collatePrompts(model, [tokenizePrompt(model, ask(noiseImage(1), noiseImage(2), "spiky"))]);
    const logits = readerLogits(model, batch, [{ row: 0, column: batch.columns - 1 }]);
    const values = [...logits.dataSync()];
    logits.dispose();
    return values;
  };

  test("that is the token embedding changes the logits, not the embedding", () => {
    const before = lastLogits();
    const extra = { "base_model.model.lm_head.base_layer.weight": copyOf("model.language_model.embed_tokens.weight") };
    write({ target_modules: ["lm_head"] }, { lm_head: 4 }, { extra });
    const adapter = loadLora(model.parameters, folder);
    expect(adapter.config.modules).toEqual(["lm_head"]);
    expect(lastLogits().some((value, i) => Math.abs(value - before[i]!) > 1e-3)).toBe(true);
    expect(() => mergeLora(model.parameters, adapter)).toThrow("must have a weight of its own");
    adapter.dispose();
    expect(lastLogits()).toEqual(before);
  });

  test("with a weight of its own is read beside PEFT's copies, under today's and older names", () => {
    model.dispose();
    model = loadPixtral(join(__dirname, "../../reference/pixtral/published"));
    const copies = {
      "base_model.model.lm_head.base_layer.weight": copyOf("lm_head.weight"),
      "base_model.model.model.language_model.embed_tokens.weight": copyOf("model.language_model.embed_tokens.weight"),
    };
    write({ target_modules: ["lm_head"] }, { lm_head: 4 }, { extra: copies });
    const adapter = loadLora(model.parameters, folder);
    expect(adapter.config.modules).toEqual(["lm_head"]);
    adapter.dispose();
    const older = { "base_model.model.language_model.lm_head.base_layer.weight": copyOf("lm_head.weight") };
    const nameOf = (module: string): string => model.parameters.olderNameOf(module);
    write({ target_modules: ["lm_head"] }, { lm_head: 4 }, { nameOf, extra: older });
    expect(loadLora(model.parameters, folder).config.modules).toEqual(["lm_head"]);
  });

  const EMBEDDING = "model.language_model.embed_tokens.weight";
  const writeCopy = (copy: StoredTensor): void =>
    write(
      { target_modules: ["lm_head"] },
      { lm_head: 4 },
      { extra: { [`base_model.model.lm_head.base_layer.weight`]: copy } },
    );

  test.each([0.5, 1e-5])(
    "whose copy of the head differs by %d is refused: it was trained beside the adapter",
    (change) => {
      writeCopy(copyOf(EMBEDDING, change));
      expect(() => loadLora(model.parameters, folder)).toThrow(
        /holds "base_model\.model\.lm_head\.base_layer\.weight" with other values than the model's own/,
      );
    },
  );

  // PEFT goes on with the copies: of a model in 32 bits they would be other values
  test("is read beside copies in 16 bits of a model in 16 bits only", () => {
    writeCopy(copyOf(EMBEDDING, 0, "BF16"));
    expect(() => loadLora(model.parameters, folder)).toThrow(
      /in BF16, rounded from the model's own, which an adapter cannot change\. Save the adapter with save_embedding_layers=False/,
    );
    const { tensors } = readSafetensors(join(folder, "adapter_model.safetensors"));
    const rounded = tensors.get("base_model.model.lm_head.base_layer.weight")!.data as Float32Array;
    model.parameters.assign(EMBEDDING, rounded);
    expect(loadLora(model.parameters, folder).config.modules).toEqual(["lm_head"]);
  });
});

test("matrices of a type that is not read are refused by the type's name", () => {
  write({ target_modules: ["down_proj"] }, both({ [DOWN]: 4 }));
  const file = join(folder, "adapter_model.safetensors");
  const { tensors } = readSafetensors(file);
  const [name, tensor] = [...tensors][0]!;
  const ids = { dtype: "I32", shape: tensor.shape, data: new Int32Array(tensor.data.length) } as const;
  writeSafetensors(
    file,
    [...tensors].map(([each, value]) => [each, each === name ? ids : value]),
  );
  expect(() => loadLora(model.parameters, folder)).toThrow(
    /must hold floats of shape \S+ \S+ for \S+down_proj; got I32/,
  );
});
