import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { fromFloat16, toBfloat16, toFloat16 } from "../../src/compute/half-floats";
import { openSafetensors, readSafetensors, type StoredTensor, writeSafetensors } from "../../src/compute/safetensors";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "safetensors-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file with this header over these many zero bytes. */
function craft(header: unknown, bodySize: number, claim?: bigint): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claim ?? BigInt(text.length));
  const file = join(folder, "crafted.safetensors");
  writeFileSync(file, Buffer.concat([length, text, Buffer.alloc(bodySize)]));
  return file;
}

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

const tensors: [string, StoredTensor][] = [
  ["b.weight", { dtype: "F32", shape: [2, 2], data: Float32Array.from([1, -2, 0.1, 1e-30]) }],
  ["half", { dtype: "F16", shape: [3], data: Float32Array.from([1, 65504, -0.0001]) }],
  ["brain", { dtype: "BF16", shape: [1], data: Float32Array.from([3.140625]) }],
  ["ids", { dtype: "I64", shape: [2], data: BigInt64Array.from([-5n, 2n ** 60n]) }],
  ["grid", { dtype: "I32", shape: [1, 3], data: Int32Array.from([1, 2, 3]) }],
  ["empty", { dtype: "F32", shape: [0, 4], data: new Float32Array(0) }],
  ["scalar", { dtype: "F32", shape: [], data: Float32Array.from([2.5]) }],
];

describe("safetensors", () => {
  it("gives back what was written", () => {
    const file = join(folder, "deep", "model.safetensors");
    writeSafetensors(file, tensors, { format: "pt", made: "by hand" });
    const read = readSafetensors(file);
    expect(read.metadata).toEqual({ format: "pt", made: "by hand" });
    for (const [name, tensor] of tensors.filter(([name]) => name !== "half"))
      expect(read.tensors.get(name)).toEqual(tensor);
    expect(read.tensors.get("half")?.data).toEqual(fromFloat16(toFloat16(Float32Array.from([1, 65504, -0.0001]))));
    expect(readdirSync(join(folder, "deep"))).toEqual(["model.safetensors"]);
  });

  it("writes the same bytes whatever the order of the tensors", () => {
    writeSafetensors(join(folder, "a"), tensors);
    writeSafetensors(join(folder, "b"), [...tensors].reverse());
    expect(readFileSync(join(folder, "a"))).toEqual(readFileSync(join(folder, "b")));
  });

  it("refuses data that does not fit its shape", () => {
    const wrong: [string, StoredTensor] = ["w", { dtype: "F32", shape: [3], data: new Float32Array(2) }];
    expect(() => writeSafetensors(join(folder, "c"), [wrong])).toThrow(
      "writeSafetensors: w must be a Float32Array of 3 values for F32 [3]; got a Float32Array of 2.",
    );
  });

  it.each([
    ["a header longer than the file", () => craft({}, 4, 10n ** 12n), "it claims 1000000000000"],
    ["a header that is no JSON", () => craft("{", 0), "its header must be JSON"],
    ["a header that is no object", () => craft([], 0), "its header must be a JSON object"],
    [
      "an unknown type",
      () => craft({ w: { ...f32([1], 0, 4), dtype: "F8" } }, 4),
      "must be one of F32, F16, BF16, I64, I32 to be read; got F8 [1], which is not supported",
    ],
    [
      "a type from Object.prototype",
      () => craft({ w: { ...f32([1], 0, 4), dtype: "toString" } }, 4),
      "to be read; got toString [1], which is not supported",
    ],
    ["a negative size", () => craft({ w: f32([-1], 0, 4) }, 4), "tensor w must have a shape of whole numbers"],
    [
      "a size that does not fit",
      () => craft({ w: f32([2], 0, 4) }, 4),
      "tensor w must have 8 bytes for F32 [2]; got 4",
    ],
    ["a size that overflows", () => craft({ w: f32([2 ** 50, 2 ** 50], 0, 4) }, 4), "tensor w must have"],
    ["an overlap", () => craft({ v: f32([2], 0, 8), w: f32([2], 4, 12) }, 12), "tensor w must start at byte 8"],
    ["a gap", () => craft({ v: f32([1], 0, 4), w: f32([1], 8, 12) }, 12), "tensor w must start at byte 4"],
    [
      "bytes behind the last tensor",
      () => craft({ w: f32([1], 0, 4) }, 5),
      "its tensors must fill 5 bytes; they take 4",
    ],
    ["a truncated body", () => craft({ w: f32([2], 0, 8) }, 6), "its tensors must fill 6 bytes; they take 8"],
    ["metadata that is no text", () => craft({ __metadata__: { n: 1 } }, 0), "__metadata__ must hold strings only"],
  ])("refuses %s", (_name, make, message) => {
    let caught: unknown;
    try {
      readSafetensors(make());
    } catch (error) {
      caught = error;
    }
    expect(isKernelError(caught, "data")).toBe(true);
    expect((caught as Error).message).toContain(message);
  });

  it("refuses a header that does not begin with its object or is no UTF-8", () => {
    expect(() => readSafetensors(craft(" {}", 0))).toThrow("must be a JSON object, from its first byte on");
    const file = craft({ __metadata__: { name: "??" } }, 0);
    const bytes = readFileSync(file);
    bytes[bytes.indexOf("??")] = 0xff;
    writeFileSync(file, bytes);
    expect(() => readSafetensors(file)).toThrow("its header must be UTF-8");
  });

  it.each([
    ["BOOL", 8],
    ["U8", 8],
    ["I8", 8],
    ["F8_E4M3", 8],
    ["F8_E5M2", 8],
    ["F8_E8M0", 8],
    ["F4", 4],
    ["F6_E2M3", 6],
    ["I16", 16],
    ["U16", 16],
    ["U32", 32],
    ["F64", 64],
    ["U64", 64],
    ["C64", 64],
  ])("opens a sound file with a tensor of type %s, and refuses that tensor by the type's name", (dtype, bits) => {
    const tensor = { dtype, shape: [8], data_offsets: [4, 4 + bits] };
    const { entries, read } = openSafetensors(craft({ odd: tensor, w: f32([1], 0, 4) }, 4 + bits));
    expect(entries.get("odd")).toEqual({ dtype, shape: [8] });
    expect(read("w").data).toEqual(Float32Array.from([0]));
    expect(() => read("odd")).toThrow(
      `must be one of F32, F16, BF16, I64, I32 to be read; got ${dtype} [8], which is not`,
    );
    const wrong = () => openSafetensors(craft({ odd: { ...tensor, shape: [16] }, w: f32([1], 0, 4) }, 4 + bits));
    expect(wrong).toThrow(`tensor odd must have ${2 * bits} bytes for ${dtype} [16]; got ${bits}`);
  });

  it("calls a file damaged only when it is: never for a type it does not read", () => {
    const file = craft({ w: { ...f32([1], 0, 4), dtype: "F99" } }, 4);
    expect(() => readSafetensors(file)).toThrow("Convert the tensor, or leave it out.");
    expect(() => readSafetensors(file)).not.toThrow(/no valid|write it again|Fetch/);
    expect(() => readSafetensors(craft({ w: { ...f32([1], 0, 4), dtype: 3 } }, 4))).toThrow(
      "must name its dtype; got 3",
    );
  });

  it("refuses a file that is not there", () => {
    expect(() => readSafetensors(join(folder, "none"))).toThrow("cannot be opened. Check the path.");
  });
});

describe("openSafetensors", () => {
  /** 4 MB of values that are made when they are asked for. */
  const large = (dtype: "F32" | "BF16", asked: () => void): StoredTensor => ({
    dtype,
    shape: [2, 2 ** 19],
    get data() {
      asked();
      const data = new Float32Array(2 ** 20);
      for (let i = 0; i < data.length; i++) data[i] = i % 256;
      return data;
    },
  });

  it("reads tensor by tensor: the header first, then what is asked for", () => {
    const file = join(folder, "large");
    writeSafetensors(file, [["a", large("F32", () => {})], ["b", large("BF16", () => {})], tensors[0]!]);
    const before = process.memoryUsage().arrayBuffers;
    const { entries, read } = openSafetensors(file);
    expect([...entries.keys()]).toEqual(["a", "b.weight", "b"]);
    expect(entries.get("b")).toEqual({ dtype: "BF16", shape: [2, 2 ** 19] });
    expect(read("b.weight")).toEqual(tensors[0]![1]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 19);
    const { data } = read("b"); // 4 MB of floats and one block of 1 MB
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 2 ** 20 + 2 ** 20 + 2 ** 19);
    expect([data[255], data[256], data[2 ** 20 - 1]]).toEqual([255, 0, 255]);
    expect(() => read("c")).toThrow("it holds no tensor c");
  });

  it("writes tensor by tensor, asking for each once", () => {
    const asked: string[] = [];
    const tensor = (name: string): [string, StoredTensor] => [name, large("F32", () => asked.push(name))];
    writeSafetensors(join(folder, "large"), [tensor("b"), tensor("a")]);
    expect(asked).toEqual(["a", "b"]);
  });

  it("refuses to read on when the file was changed", () => {
    const file = join(folder, "changing");
    writeSafetensors(file, tensors);
    const { read } = openSafetensors(file);
    writeSafetensors(file, tensors.slice(1));
    expect(() => read("b.weight")).toThrow("it has another size than when it was opened");
  });
});

describe("half precision", () => {
  it("rounds to the nearest, ties to even", () => {
    // half has 10 fraction bits: 2048 + 1 lies between 2048 and 2050, 2050 + 1 between 2050 and 2052
    const back = fromFloat16(toFloat16(Float32Array.from([2049, 2051, 1e6, -(2 ** -24), 2 ** -26, 65519])));
    expect([...back]).toEqual([2048, 2052, Number.POSITIVE_INFINITY, -(2 ** -24), 0, 65504]);
    // bfloat16 has 7: 257 lies between 256 and 258
    expect(toBfloat16(Float32Array.from([257, 259]))).toEqual(Uint16Array.from([(127 + 8) << 7, ((127 + 8) << 7) | 2]));
  });

  it("reads back every finite half", () => {
    const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).filter((half) => ((half >>> 10) & 31) !== 31);
    expect(toFloat16(fromFloat16(all))).toEqual(all);
  });
});
