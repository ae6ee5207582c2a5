import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../../src/compute/safetensors";
import {
  type Checkpoint,
  neededWeights,
  readCheckpoint,
  requirePart,
  writeCheckpoint,
} from "../../../src/models/weights/model-folder";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const weights = new Map([["w.weight", { shape: [2, 1], data: Float32Array.from([0.5, -3]) }]]);
const checkpoint: Checkpoint = {
  config: { model_type: "clip", hidden: 2 },
  weights,
  tokenizer: { version: "1.0" },
  tokenizerConfig: null,
  preprocessor: { size: 32 },
  chatTemplate: "{{ messages }}\n",
};

describe("a checkpoint folder", () => {
  it("gives back what was written, and holds no other files", () => {
    writeCheckpoint(folder, checkpoint);
    expect(readCheckpoint(folder)).toEqual(checkpoint);
    const files = [
      "chat_template.jinja",
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
      "tokenizer.json",
    ];
    expect(readdirSync(folder)).toEqual(files);
  });

  it("leaves out the position numbers that older files hold", () => {
    writeCheckpoint(folder, checkpoint);
    const ids = { dtype: "I64", shape: [2], data: BigInt64Array.from([0n, 1n]) } as const;
    const weight = { dtype: "F32", ...weights.get("w.weight")! } as const;
    writeSafetensors(join(folder, "model.safetensors"), [
      ["embeddings.position_ids", ids],
      ["w.weight", weight],
    ]);
    expect(readCheckpoint(folder).weights).toEqual(weights);
  });

  it("takes special tokens from the older file beside it, unless tokenizer_config.json lists all", () => {
    const write = (name: string, value: object): void => writeFileSync(join(folder, name), JSON.stringify(value));
    writeCheckpoint(folder, checkpoint);
    write("tokenizer_config.json", { pad_token: "a", eos_token: "b" });
    write("special_tokens_map.json", { pad_token: "c" });
    expect(readCheckpoint(folder).tokenizerConfig).toEqual({ pad_token: "c", eos_token: "b" });
    write("tokenizer_config.json", { pad_token: "a", added_tokens_decoder: {} });
    expect(readCheckpoint(folder).tokenizerConfig).toEqual({ pad_token: "a", added_tokens_decoder: {} });
  });

  it("refuses tokens of the older file that tokenizer.json does not have", () => {
    const tokenizer = { model: { vocab: { a: 0 } }, added_tokens: [{ id: 1, content: "<b>" }] };
    writeCheckpoint(folder, { ...checkpoint, tokenizer });
    writeFileSync(join(folder, "added_tokens.json"), '{"a": 0, "<b>": 1}');
    expect(readCheckpoint(folder).tokenizer).toEqual(tokenizer);
    writeFileSync(join(folder, "added_tokens.json"), '{"<c>": 2}');
    expect(() => readCheckpoint(folder)).toThrow(
      'added_tokens.json must name tokens of tokenizer.json only; got "<c>"',
    );
  });

  it.each([5, "x", {}, [null], [["<b>", 1]]])(
    "refuses added tokens of a damaged tokenizer.json by name: %j",
    (tokens) => {
      writeCheckpoint(folder, { ...checkpoint, tokenizer: { model: null, added_tokens: tokens } });
      writeFileSync(join(folder, "added_tokens.json"), '{"<b>": 1}');
      expect(() => readCheckpoint(folder)).toThrow(
        expect.objectContaining({
          code: "data",
          message: `readCheckpoint: added_tokens of tokenizer.json must be a list of tokens; got ${JSON.stringify(tokens)}. Copy it from the model.`,
        }),
      );
    },
  );

  it.each([
    [["config.json", "pytorch_model.bin"], "or model.safetensors.index.json; got pytorch_model.bin, which is not read"],
    [
      ["config.json", "consolidated.safetensors"],
      "got consolidated.safetensors, which is not read. Load the model with",
    ],
    [["params.json", "consolidated.safetensors"], "must hold config.json; got params.json: Mistral's own layout"],
    [["adapter_config.json"], "must hold config.json; got adapter_config.json: an adapter, which is no model"],
  ])("names weights and layouts that are not read: %s", (files, message) => {
    for (const file of files) writeFileSync(join(folder, file), "{}");
    expect(() => readCheckpoint(folder)).toThrow(message);
  });

  it("says which command makes a missing one", () => {
    expect(() => readCheckpoint(join(folder, "none"))).toThrow(
      "must hold config.json; there is none. Run npm run checkpoints",
    );
  });

  it("refuses a broken configuration and a missing part, naming the file", () => {
    writeCheckpoint(folder, checkpoint);
    writeFileSync(join(folder, "config.json"), "{");
    expect(() => readCheckpoint(folder)).toThrow("config.json must be JSON");
    writeFileSync(join(folder, "config.json"), "[]");
    expect(() => readCheckpoint(folder)).toThrow("config.json must hold a JSON object");
    expect(() => requirePart("loadClip", checkpoint, "tokenizerConfig")).toThrow(
      "loadClip: the model's folder must hold tokenizer_config.json; there is none.",
    );
  });
});

describe("neededWeights", () => {
  const check = (expected: [string, number[]][]) => () => neededWeights("loadClip", weights, new Map(expected));

  it("accepts exactly the expected weights", () => {
    expect(check([["w.weight", [2, 1]]])).not.toThrow();
  });

  it("names a missing, a wrongly shaped and an unknown weight", () => {
    expect(check([["w.bias", [2]]])).toThrow(
      "loadClip: model.safetensors must hold weight w.bias with shape [2]; there is none.",
    );
    expect(check([["w.weight", [1, 2]]])).toThrow("loadClip: weight w.weight must have shape [1, 2]; got [2, 1].");
    expect(check([])).toThrow("no weight the model does not know; got w.weight [2, 1].");
  });
});

describe("of several files that say the same thing", () => {
  const write = (file: string, value: unknown): void =>
    writeFileSync(join(folder, file), typeof value === "string" ? value : JSON.stringify(value));
  const named = (text: string) => [
    { name: "tool_use", template: "tools" },
    { name: "default", template: text },
  ];

  it("the first in transformers' order holds the chat template", () => {
    writeCheckpoint(folder, { ...checkpoint, chatTemplate: null });
    const template = (): string | null => readCheckpoint(folder).chatTemplate;
    expect(template()).toBeNull();
    write("tokenizer_config.json", { chat_template: "from the tokenizer" });
    expect(template()).toBe("from the tokenizer");
    write("tokenizer_config.json", { chat_template: named("named") });
    expect(template()).toBe("named");
    write("chat_template.jinja", "from its own file");
    expect(template()).toBe("from its own file");
    write("chat_template.json", { chat_template: "from the older file" });
    expect(template()).toBe("from the older file");
    write("processor_config.json", { chat_template: { default: "from the processor", other: "x" } });
    expect(template()).toBe("from the processor");
  });

  it("templates without a default one are refused by file", () => {
    writeCheckpoint(folder, { ...checkpoint, chatTemplate: null });
    write("tokenizer_config.json", { chat_template: [{ name: "tool_use", template: "x" }] });
    expect(() => readCheckpoint(folder)).toThrow(
      'chat_template of tokenizer_config.json must be a text, or hold one called "default"',
    );
    write("tokenizer_config.json", { chat_template: 5 });
    expect(() => readCheckpoint(folder)).toThrow("chat_template of tokenizer_config.json must be a text");
  });

  it("an image processor inside processor_config.json goes before preprocessor_config.json", () => {
    writeCheckpoint(folder, { ...checkpoint, processor: { image_processor: { size: 64 } } });
    expect(readCheckpoint(folder).preprocessor).toEqual({ size: 64 });
    write("processor_config.json", { processor_class: "X" });
    expect(readCheckpoint(folder).preprocessor).toEqual({ size: 32 });
  });
});

describe("neededWeights", () => {
  const stored = (tensors: Parameters<typeof writeSafetensors>[1]) => {
    writeCheckpoint(folder, checkpoint);
    writeSafetensors(join(folder, "model.safetensors"), tensors);
    return readCheckpoint(folder).weights;
  };
  const weight = ["w.weight", { dtype: "F32", ...weights.get("w.weight")! }] as const;
  const count = { dtype: "I64", shape: [], data: BigInt64Array.from([3n]) } as const;

  it("leaves out what the model does not ask for when no weight can have its type", () => {
    const found = neededWeights(
      "load",
      stored([weight, ["bn.num_batches_tracked", count]]),
      new Map([["w.weight", [2, 1]]]),
    );
    expect([...found.keys()]).toEqual(["w.weight"]);
  });

  it("refuses a weight of another type by the type's name", () => {
    const found = stored([weight, ["bn.num_batches_tracked", count]]);
    expect(() => neededWeights("load", found, new Map([["bn.num_batches_tracked", []]]))).toThrow(
      "load: weight bn.num_batches_tracked must be F32, F16 or BF16; got I64, which is not supported.",
    );
  });

  it("leaves out the rotary frequencies that older files also hold", () => {
    const frequencies = { dtype: "F32", shape: [1], data: Float32Array.from([1]) } as const;
    expect([...stored([weight, ["layers.0.self_attn.rotary_emb.inv_freq", frequencies]]).keys()]).toEqual(["w.weight"]);
  });
});
