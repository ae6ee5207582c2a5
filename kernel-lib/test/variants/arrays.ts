import * as fc from "fast-check";
import { readSafetensors } from "../../src/compute/safetensors";
import { readNpz } from "../../src/data/formats/npz";
import { withFiles } from "./files";
import { formatOf } from "./format";

const shape = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }) },
);

interface Stored {
  readonly dtype?: string;
  readonly shape: readonly number[];
  readonly values: readonly (string | boolean)[];
}

/** What differs between numbers read here and as they were written, digits and all. */
function valuesDifference(
  name: string,
  found: { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> },
  { shape: expected, values }: Stored,
): string | null {
  if (found.shape.join() !== expected.join()) return `${name} has shape [${found.shape}], expected [${expected}]`;
  if (found.data.length !== values.length) return `${name} has ${found.data.length} values, expected ${values.length}`;
  for (const [at, value] of values.entries()) {
    const [mine, stated] = [found.data[at]!, typeof value === "boolean" ? String(Number(value)) : value];
    const same = typeof mine === "bigint" ? String(mine) === stated : Object.is(Number(mine), Number(stated));
    if (!same) return `${name}, value ${at} is ${mine}, expected ${stated}`;
  }
  return null;
}

/** What differs between all arrays of a file and those it should hold. */
function allDifference(
  found: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }>,
  answer: Readonly<Record<string, Stored>>,
): string | null {
  const names = Object.keys(answer).sort().join();
  if ([...found.keys()].sort().join() !== names) return `holds ${[...found.keys()]}, expected ${names}`;
  const differences = Object.entries(answer).map(([name, stored]) => valuesDifference(name, found.get(name)!, stored));
  return differences.find((difference) => difference !== null) ?? null;
}

const KINDS = [
  ...["u1", "u1", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8", "b1"],
  ...["u1", "f4", "f8", "i8", "u8", "f2"],
];
const rarely = fc.constantFrom(...new Array<boolean>(12).fill(false), true);
const npzSpecs = fc.record({
  seed: fc.nat(2 ** 31),
  packed: fc.boolean(),
  arrays: fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      shape,
      big: rarely,
      fortran: rarely,
      name: fc.constantFrom("", "train_images", "val_labels", "x y", "a.b"),
    }),
    { minLength: 1, maxLength: 3, selector: ({ name }) => name },
  ),
});

export const NPZ = formatOf<unknown, Readonly<Record<string, Stored>>>({
  name: "npz",
  specs: npzSpecs,
  compare: ({ files, answer }) =>
    withFiles(files, async (folder) => allDifference(await readNpz(`${folder}/a.npz`), answer)),
});

const READ = ["F32", "F32", "F16", "BF16", "I64", "I32"];
const TYPES = [...READ, ...READ, ...READ, ...READ, "F64", "I16", "I8", "U8", "BOOL", "F8_E4M3"];
const safetensorsSpecs = fc.record({
  seed: fc.nat(2 ** 31),
  metadata: fc.boolean(),
  unpadded: fc.boolean(),
  tensors: fc.array(fc.record({ kind: fc.constantFrom(...TYPES), shape, odd: fc.boolean() }), { maxLength: 4 }),
});

export const SAFETENSORS = formatOf<unknown, Readonly<Record<string, Stored>>>({
  name: "safetensors",
  specs: safetensorsSpecs,
  compare: ({ files, answer }) =>
    withFiles(files, async (folder) => {
      const { tensors } = readSafetensors(`${folder}/a.safetensors`);
      const wrong = [...tensors].find(([name, { dtype }]) => dtype !== answer[name]?.dtype);
      return wrong === undefined ? allDifference(tensors, answer) : `${wrong[0]} is ${wrong[1].dtype}`;
    }),
});
