import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readCost, weightFiles, writeCost } from "../../src/systems/own-training";

const folder = mkdtempSync(join(tmpdir(), "jomed-own-training-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the weights that a training left are its adapter and the towers of heads and domains, and nothing else", () => {
  expect(weightFiles(folder)).toEqual([]);
  mkdirSync(join(folder, "adapter"));
  const own = [
    "adapter/adapter_model.safetensors",
    "image.safetensors",
    "domain-0.safetensors",
    "domain-17.safetensors",
  ];
  for (const name of [...own, "embeddings.safetensors", "domain-0-state.safetensors"])
    writeFileSync(join(folder, name), "");
  expect(weightFiles(folder).sort()).toEqual(own.map((name) => join(folder, name)).sort());
});

test("a training's cost is read as it was written; none is none", () => {
  expect(readCost(folder)).toBeNull();
  writeCost(folder, { readerPasses: 12, trainedWeights: 5 });
  expect(readCost(folder)).toEqual({ readerPasses: 12, trainedWeights: 5 });
});
