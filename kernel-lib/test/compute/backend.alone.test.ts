import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it, vi } from "vitest";

async function freshModule() {
  vi.resetModules();
  return import("../../src/compute/backend");
}

describe("openBackend", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("refuses an unknown name in JOMED_BACKEND, listing the known ones", async () => {
    vi.stubEnv("JOMED_BACKEND", "cuda");
    const { openBackend } = await freshModule();
    await expect(openBackend()).rejects.toThrow(
      'openBackend: JOMED_BACKEND must be one of native-gpu, native, wasm, cpu, auto; got "cuda".',
    );
  });

  it("can be called again after a failure", async () => {
    const { openBackend } = await freshModule();
    vi.stubEnv("JOMED_BACKEND", "cuda");
    await expect(openBackend()).rejects.toThrow("JOMED_BACKEND");
    vi.stubEnv("JOMED_BACKEND", "cpu");
    expect(await openBackend()).toMatchObject({ backend: "cpu", reason: "JOMED_BACKEND names it" });
  });

  it("tells a model that was used too early what to call", async () => {
    const { requireBackend } = await freshModule();
    expect(requireBackend).toThrow("Call `await openBackend()` before using a model.");
  });

  it("asks a GPU for memory as needed and whole float32, unless the user has said otherwise", async () => {
    vi.stubEnv("JOMED_BACKEND", "cpu");
    vi.stubEnv("NVIDIA_TF32_OVERRIDE", undefined);
    vi.stubEnv("TF_FORCE_GPU_ALLOW_GROWTH", "false");
    await (await freshModule()).openBackend();
    expect(process.env).toMatchObject({ NVIDIA_TF32_OVERRIDE: "0", TF_FORCE_GPU_ALLOW_GROWTH: "false" });
  });

  it("returns the first report when it is called twice", async () => {
    vi.stubEnv("JOMED_BACKEND", "cpu");
    const { openBackend, requireBackend } = await freshModule();
    const first = await openBackend();
    expect(await openBackend({ prefer: "wasm" })).toBe(first);
    expect(requireBackend()).toBe(first);
    expect(first.advice).toContain("npm run setup");
    expect(first.versions).toMatchObject({ tfjs: tf.version_core, node: process.versions.node });
  });

  it("computes on the engine it reports", async () => {
    vi.stubEnv("JOMED_BACKEND", "wasm");
    const { openBackend } = await freshModule();
    expect((await openBackend()).backend).toBe("wasm");
    expect(tf.getBackend()).toBe("wasm");
    expect(tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync()[0]).toBe(1 * 3 + 2 * 4);
  });
});
