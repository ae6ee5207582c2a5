import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { loadDualEncoder, loadReaderModel, saveDualEncoder, saveReaderModel } from "../../src/models/architectures";
import type { DualEncoder, EncoderArchitecture } from "../../src/models/dual-encoder/encoder";
import type { ReaderArchitecture } from "../../src/models/vision-language/model";
import { openLocalReader } from "../../src/reader/local-reader";
import { tinyReader } from "../helpers/tiny-reader";

// what a new architecture shows of its own files, and its row in the registry
vi.mock("../../src/models/registry", async (original) => {
  const { writeFileSync: write } = await import("node:fs");
  const { tinyReader: draw } = await import("../helpers/tiny-reader");
  const { createParameterStore } = await import("../../src/models/weights/parameters");
  const TOY_READER: ReaderArchitecture = {
    family: "reader",
    kind: "toy-reader",
    name: "Toy reader",
    modelType: "toy_vl",
    load: () => ({ ...draw(1), kind: "toy-reader" }),
    save: (model, target) => write(`${target}/saved-by`, model.kind),
  };
  const towers = { width: 4 } as DualEncoder["towers"];
  const TOY_ENCODER: EncoderArchitecture = {
    family: "encoder",
    kind: "toy-encoder",
    name: "Toy encoder",
    modelType: "toy_clip",
    load: () => ({ kind: "toy-encoder", parameters: createParameterStore([]), towers, dispose: () => {} }),
    save: (encoder, target) => write(`${target}/saved-by`, encoder.kind),
  };
  return { ...(await original<object>()), TOY_READER, TOY_ENCODER };
});

let folder: string;
beforeAll(async () => {
  await openBackend();
  folder = mkdtempSync(join(tmpdir(), "architectures-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (json: object): void => writeFileSync(join(folder, "config.json"), JSON.stringify(json));
const savedBy = (): string => readFileSync(join(folder, "saved-by"), "utf8");

test("a reader architecture added by a row is loaded, saved and read with as the others are", async () => {
  write({ model_type: "toy_vl" });
  const model = loadReaderModel(folder);
  expect(model.kind).toBe("toy-reader");
  saveReaderModel(model, folder);
  expect(savedBy()).toBe("toy-reader");
  model.dispose();
  const reader = openLocalReader(folder);
  expect(reader.fingerprint).toMatch(/^[0-9a-f]{32}$/);
  reader.dispose();
});

test("an encoder added by a row is loaded and saved as the others are", () => {
  write({ model_type: "toy_clip" });
  const encoder = loadDualEncoder(folder);
  expect(encoder.kind).toBe("toy-encoder");
  saveDualEncoder(encoder, folder);
  expect(savedBy()).toBe("toy-encoder");
});

test("what no row names is refused, naming the rows of its family", () => {
  write({ model_type: "siglip" });
  expect(() => loadDualEncoder(folder)).toThrow(/must be one of clip, jina_clip, open_clip, toy_clip; got "siglip"/);
  expect(() => loadReaderModel(folder)).toThrow(/must be one of llava, qwen2_vl, toy_vl; got "siglip"/);
  const stranger = { ...tinyReader(1), kind: "stranger" };
  expect(() => saveReaderModel(stranger, folder)).toThrow(
    /kind of the model must be one of pixtral, qwen2-vl, toy-reader/,
  );
  expect(existsSync(join(folder, "model.safetensors"))).toBe(false);
  stranger.dispose();
});
