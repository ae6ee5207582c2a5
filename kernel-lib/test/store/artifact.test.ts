import { describe, expect, it } from "vitest";
import { artifactKey, canonicalJson, type KeyParts } from "../../src/store/artifact";

const PARTS: KeyParts = {
  stage: "reader",
  version: 1,
  config: { a: 1, b: [2, 3] },
  inputs: ["x"],
  seed: 7,
  backend: "cpu",
};

describe("canonicalJson", () => {
  it("writes equal objects alike whatever the order of their keys", () => {
    expect(canonicalJson({ b: 1, a: { d: null, c: "é" } })).toBe('{"a":{"c":"é","d":null},"b":1}');
  });

  it("leaves out undefined keys and writes -0 as 0", () => {
    expect(canonicalJson({ a: undefined, b: -0 })).toBe('{"b":0}');
  });

  it.each([
    ["NaN", Number.NaN],
    ["a function", () => 1],
    ["a typed array", new Float32Array(2)],
    ["a Map", new Map()],
    ["a hole", undefined],
  ])("refuses %s, naming where it is", (_name, value) => {
    expect(() => canonicalJson({ list: [0, value] })).toThrow(/value\.list\[1\] must be plain JSON/);
  });

  it("refuses a cycle but takes the same object twice", () => {
    const shared = { x: 1 };
    expect(canonicalJson([shared, shared])).toBe('[{"x":1},{"x":1}]');
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    expect(() => canonicalJson(loop)).toThrow(/cycle/);
  });
});

describe("artifactKey", () => {
  it("is the same for the same parts and 32 hex digits long", () => {
    expect(artifactKey(PARTS)).toBe(artifactKey({ ...PARTS, config: { b: [2, 3], a: 1 } }));
    expect(artifactKey(PARTS)).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each<Partial<KeyParts>>([
    { stage: "retriever" },
    { version: 2 },
    { config: { a: 1, b: [3, 2] } },
    { inputs: ["y"] },
    { inputs: ["x", "x"] },
    { seed: 8 },
    { backend: "native" },
  ])("changes with %j", (change) => {
    expect(artifactKey({ ...PARTS, ...change })).not.toBe(artifactKey(PARTS));
  });
});
