import type { Random } from "../../src/base/random";

/** Damages the bytes of a file in one of five ways: flipped bits, a cut, bytes added, a piece lost, a piece doubled. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const place = (): number => random.integer(bytes.length);
  // headers and lengths stand at the beginning: half of the damage goes there
  const early = (): number => (random.uniform(0, 1) < 0.5 ? random.integer(Math.min(bytes.length, 600)) : place());
  const [at, size] = [early(), 1 + random.integer(16)];
  const junk = Buffer.from(Array.from({ length: size }, () => random.integer(256)));
  switch (random.integer(5)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      for (let i = 0; i <= random.integer(3); i++) flipped[early()]! ^= 1 << random.integer(8);
      return flipped;
    }
    case 1:
      return bytes.subarray(0, place());
    case 2:
      return Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
    default:
      return Buffer.concat([bytes.subarray(0, at + size), bytes.subarray(at)]);
  }
}

const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1,
  3,
  0.5,
  1e9,
  2 ** 53,
  1e300,
  "",
  "x",
  [],
  [1, 2],
  {},
  { type: "x" },
];

/** Changes one value of a JSON file, or removes it, or adds a field; what stays is valid JSON. */
export function mutateJson(text: string, random: Random): string {
  const json = JSON.parse(text) as Record<string, unknown>;
  const holders: Record<string, unknown>[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (Object.keys(value).length > 0) holders.push(value as Record<string, unknown>);
    Object.values(value).forEach(visit);
  };
  visit(json);
  const holder = holders[random.integer(holders.length)]!;
  const keys = Object.keys(holder);
  const key = keys[random.integer(keys.length)]!;
  const value = VALUES[random.integer(VALUES.length)];
  const way = random.integer(8);
  if (way === 0) delete holder[key];
  else holder[way === 1 ? `${key}x` : key] = value;
  return JSON.stringify(json);
}
