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
