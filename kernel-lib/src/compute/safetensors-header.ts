const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** Widens bfloat16 (the upper half of a float32), into the beginning of `target` if there is one. */
export function fromBfloat16(values: Uint16Array, target = new Float32Array(values.length)): Float32Array {
  const wide = new Uint32Array(target.buffer, target.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) wide[i] = values[i]! << 16;
  return target;
}

/** Rounds to bfloat16, ties to even; NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    word[0] = value;
    const pattern = bits[0]!;
    if (Number.isNaN(value)) return (pattern >>> 16) | 0x40;
    return (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  });
}

/** Widens IEEE half precision, into the beginning of `target` if there is one. */
export function fromFloat16(values: Uint16Array, target = new Float32Array(values.length)): Float32Array {
  for (let i = 0; i < values.length; i++) target[i] = widenHalf(values[i]!);
  return target;
}

function widenHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds to IEEE half precision, ties to even; beyond 65,504 becomes an infinity. */
export function toFloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    word[0] = value;
    const sign = (bits[0]! >>> 16) & 0x8000;
    const size = Math.abs(value);
    if (Number.isNaN(value)) return sign | 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    // one unit in the last place at this size; below 2^-14 the subnormal step
    const exponent = Math.max(((bits[0]! >>> 23) & 255) - 127, -14);
    const steps = roundHalfToEven(size / 2 ** (exponent - 10));
    return sign | (steps + ((exponent + 14) << 10));
  });
}

/** Rounds to the nearest whole number, ties to the even one, as Python's round(). */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Element types that are read and written. */
export type SafetensorsDtype = "F32" | "F16" | "BF16" | "I64" | "I32";

/** Bytes per element. */
export const WIDTH: Readonly<Record<SafetensorsDtype, number>> = { F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4 };

/** Where a tensor lies behind the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Makes the error for a problem; the reader adds the file's name. */
export type Refuse = (problem: string, tensor?: string) => Error;

/** Parses and checks a header (a text that begins with "{") against the number of bytes that follow it. */
export function parseHeader(
  text: string,
  bodySize: number,
  refuse: Refuse,
): { entries: HeaderEntry[]; metadata: Record<string, string> } {
  const header = parseObject(text, refuse);
  const metadata = header["__metadata__"] ?? {};
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw refuse("__metadata__ must hold strings only");
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseEntry(name, value, refuse))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);

  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position)
      throw refuse(`tensor ${name} must start at byte ${position}, where the one before it ends; got ${begin}`, name);
    position = end;
  }
  if (position !== bodySize) throw refuse(`its tensors must fill ${bodySize} bytes; they take ${position}`);
  return { entries, metadata: metadata as Record<string, string> };
}

function parseObject(text: string, refuse: Refuse): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`its header must be JSON (${(error as Error).message.split("\n")[0]})`);
  }
  if (!isRecord(value)) throw refuse("its header must be a JSON object");
  return value;
}

function parseEntry(name: string, value: unknown, refuse: Refuse): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (isRecord(value) ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(WIDTH, dtype))
    throw refuse(
      `tensor ${name} must have a dtype of ${Object.keys(WIDTH).join(", ")}; got ${JSON.stringify(dtype)}`,
      name,
    );
  if (!isCounts(shape)) throw refuse(`tensor ${name} must have a shape of whole numbers`, name);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw refuse(`tensor ${name} must have two data_offsets of whole numbers`, name);
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((product, n) => product * n, WIDTH[dtype as SafetensorsDtype]);
  if (end - begin !== size)
    throw refuse(`tensor ${name} must have ${size} bytes for ${dtype} [${shape.join(", ")}]; got ${end - begin}`, name);
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
