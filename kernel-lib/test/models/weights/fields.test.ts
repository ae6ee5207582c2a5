import { describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { assertMultiple, assertSizes, Fields, MAX_LAYERS } from "../../../src/models/weights/fields";

const read = (json: unknown, file?: string): Fields =>
  new Fields(json, { where: "parseToy", advice: "Use a toy.", ...(file === undefined ? {} : { file }) });

/** The message and code of the typed error that `run` throws. */
function refusal(run: () => unknown): { message: string; code: string } {
  try {
    run();
  } catch (error) {
    if (isKernelError(error)) return error;
  }
  throw new Error("nothing was refused");
}

describe("Fields", () => {
  test("reads what is there, and what a missing or null field counts as", () => {
    const fields = read({
      layers: 3,
      rate: 0.5,
      shift: -1,
      on: true,
      act: "gelu",
      mean: [1, 2],
      end: [7, 8],
      none: null,
    });
    expect(fields.whole("layers")).toBe(3);
    expect(fields.size("none", 4)).toBe(4);
    expect(fields.real("rate")).toBe(0.5);
    expect(fields.number("shift")).toBe(-1);
    expect([fields.flag("on", "off"), fields.flag("none", "on"), fields.flag("other", "off")]).toEqual([
      true,
      true,
      false,
    ]);
    expect(fields.oneOf("act", ["silu", "gelu"])).toBe("gelu");
    expect(fields.numbers("mean", 2)).toEqual([1, 2]);
    expect(fields.tokenId("end")).toBe(7);
    expect([fields.value("none"), fields.raw("none")]).toEqual([undefined, null]);
  });

  test("reads a field by the first of its names that is there", () => {
    expect(read({ image_token_index: 5 }).whole(["image_token_id", "image_token_index"])).toBe(5);
    expect(refusal(() => read({}).whole(["image_token_id", "image_token_index"])).message).toContain(
      "image_token_id must",
    );
  });

  test.each([
    [(fields: Fields) => fields.whole("a"), "a must be a whole number; got 1.5"],
    [(fields: Fields) => fields.size("zero"), "zero must be a whole number from 1 to 2147483648; got 0"],
    [(fields: Fields) => fields.real("zero"), "zero must be a number above 0; got 0"],
    [(fields: Fields) => fields.numbers("a", 3), "a must be 3 numbers; got 1.5"],
    [(fields: Fields) => fields.flag("a", "on"), "a must be true or false; got 1.5"],
    [(fields: Fields) => fields.text("a"), "a must be a text; got 1.5"],
    [(fields: Fields) => fields.oneOf("a", ["x", "y"]), 'a must be "x" or "y"; got 1.5'],
    [(fields: Fields) => fields.only("a", null), "a must be null; got 1.5"],
    [(fields: Fields) => fields.only("missing", "full", "default"), 'missing must be "full"; got undefined'],
    [(fields: Fields) => fields.exactly("missing", "toy"), 'missing must be "toy"; got undefined'],
    [(fields: Fields) => fields.section("a"), "a must be an object; got 1.5"],
    [(fields: Fields) => fields.section("deep").whole("b"), 'deep.b must be a whole number; got "b"'],
  ])("refuses with reader, field, rule, value and advice: %#", (use, message) => {
    const error = refusal(() => use(read({ a: 1.5, zero: 0, deep: { b: "b" } })));
    expect(error.message).toBe(`parseToy: ${message}. Use a toy.`);
    expect(error.code).toBe(refusal(() => read([])).code);
  });

  test("names the file where it is given one", () => {
    const message = refusal(() => read({}, "toy.json").text("name")).message;
    expect(message).toBe("parseToy: name of toy.json must be a text; got undefined. Use a toy.");
  });

  test("finds what nobody reads, but what is ignored", () => {
    const fields = read({ size: 1, author: "a", dropout: 0.1 });
    fields.size("size");
    fields.ignore(["author"]);
    expect(refusal(() => fields.refuseOthers()).message).toBe(
      "parseToy: dropout must be left out, or one of size; got 0.1. Use a toy.",
    );
    fields.number("dropout");
    fields.refuseOthers();
  });
});

test("sizes of a configuration are whole numbers, layers at most a thousand, heads multiples", () => {
  assertSizes("Toy", { width: 4, numLayers: MAX_LAYERS, rate: 0.5 }, ["rate"]);
  expect(refusal(() => assertSizes("Toy", { numLayers: MAX_LAYERS + 1 }, [])).message).toContain("numLayers must be");
  expect(refusal(() => assertSizes("Toy", { width: 0.5 }, [])).message).toContain("width must be a whole number");
  assertMultiple("Toy", ["width", 6], ["heads", 3]);
  expect(refusal(() => assertMultiple("Toy", ["width", 7], ["heads", 3])).message).toBe(
    "Toy: width must be a multiple of heads = 3; got 7.",
  );
});
