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
