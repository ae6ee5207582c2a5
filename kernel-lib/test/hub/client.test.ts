import { describe, expect, test } from "vitest";
import { openHub } from "../../src/hub/client";

describe("openHub", () => {
  test("reads the variables of the hub's own tools", () => {
    expect(openHub({})).toEqual({ endpoint: "https://huggingface.co", token: null });
    expect(openHub({ HF_ENDPOINT: "https://mirror.example/hub/", HF_TOKEN: " hf_x\n" })).toEqual({
      endpoint: "https://mirror.example/hub",
      token: "hf_x",
    });
  });

  test.each([
    [{ HF_ENDPOINT: "mirror" }, /must be an address/],
    [{ HF_ENDPOINT: "ftp://mirror" }, /must be an address/],
    [{ HF_TOKEN: "a b" }, /HF_TOKEN must be a token/],
    [{ HF_ENDPOINT: "http://mirror.example", HF_TOKEN: "x" }, /must be https where HF_TOKEN is set/],
  ])("refuses %j", (env, wording) => {
    expect(() => openHub(env)).toThrow(wording);
  });
});
