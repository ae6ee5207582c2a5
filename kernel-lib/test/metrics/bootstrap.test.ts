import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/base/random";
import { bootstrap, pairedBootstrap } from "../../src/metrics/bootstrap";

const mean = (values: readonly number[]) => (rows: readonly number[]) =>
  rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;

const names = (count: number) => Array.from({ length: count }, (_, i) => `g${i}`);

describe("bootstrap", () => {
  it("gives the statistic of all rows and an interval around it", () => {
    const random = createRandom(1);
    const values = Array.from({ length: 400 }, () => random.normal(3, 2));
    const { value, low, high } = bootstrap(names(400), mean(values));
    expect(value).toBe(mean(values)(values.map((_, i) => i)));
    const halfWidth = (1.96 * 2) / Math.sqrt(400); // of a mean of 400 normal values
    expect(Math.abs(low - (value - halfWidth))).toBeLessThan(0.03);
    expect(Math.abs(high - (value + halfWidth))).toBeLessThan(0.03);
  });

  it("covers the true mean in about 95 of 100 samples", () => {
    const random = createRandom(2);
    let covered = 0;
    for (let sample = 0; sample < 200; sample++) {
      const values = Array.from({ length: 40 }, () => random.normal());
      const { low, high } = bootstrap(names(40), mean(values), { numDraws: 300, seed: sample });
      if (low <= 0 && 0 <= high) covered += 1;
    }
    expect(covered / 200).toBeGreaterThan(0.89);
    expect(covered / 200).toBeLessThan(0.99);
  });

  it("draws whole groups: two copies of every row in one group change nothing", () => {
    const values = [1, 0, 1, 1, 0, 0, 1, 0];
    const single = bootstrap(names(8), mean(values));
    const doubled = bootstrap([...names(8), ...names(8)], mean([...values, ...values]));
    expect(doubled).toEqual(single);
    const asIfApart = bootstrap(names(16), mean([...values, ...values]));
    expect(asIfApart.high - asIfApart.low).toBeLessThan(single.high - single.low);
  });

  it("has no width when there is one group", () => {
    expect(bootstrap(["a", "a", "a"], mean([1, 2, 6]))).toEqual({ value: 3, low: 3, high: 3 });
  });

  it("is the same for the same seed and another for another one", () => {
    const values = Array.from({ length: 50 }, (_, i) => (i * 7919) % 13);
    const run = (seed: number) => bootstrap(names(50), mean(values), { numDraws: 200, seed });
    expect(run(3)).toEqual(run(3));
    expect(run(4)).not.toEqual(run(3));
  });

  it("refuses what it cannot use", () => {
    expect(() => bootstrap([], () => 0)).toThrow("bootstrap: groups must hold at least one row; got 0.");
    expect(() => bootstrap(["a"], () => Number.NaN)).toThrow(/statistic must be finite on every draw; got NaN/);
    expect(() => bootstrap(["a"], () => 0, { level: 1 })).toThrow(/level must be a number in \[0.5, 0.999\]/);
    expect(() => bootstrap(["a"], () => 0, { draws: 5 } as object)).toThrow(/no option "draws"/);
  });
});

describe("an outer unit", () => {
  const random = createRandom(9);
  const seeds = Array.from({ length: 300 }, (_, i) => `seed ${i % 3}`);
  const shift = new Map(["seed 0", "seed 1", "seed 2"].map((seed, i) => [seed, i]));
  const values = seeds.map((seed) => random.normal(shift.get(seed)!, 0.1));
  const width = ({ low, high }: { low: number; high: number }) => high - low;

  it("widens the interval by what the units differ in", () => {
    const nested = bootstrap(names(300), mean(values), { outer: seeds });
    // the mean of three of {0, 1, 2}, drawn with replacement, is 0 or 2 once in 27 draws each
    expect(nested.low).toBeLessThan(0.2);
    expect(nested.high).toBeGreaterThan(1.8);
    expect(width(bootstrap(names(300), mean(values)))).toBeLessThan(0.3);
  });

  it("a single one changes nothing", () => {
    const one = values.map(() => "seed 0");
    expect(bootstrap(names(300), mean(values), { outer: one })).toEqual(bootstrap(names(300), mean(values)));
  });

  it("equal names of groups in different units are different groups", () => {
    const groups = values.map((_, i) => `g${Math.floor(i / 3)}`); // each name once in every seed
    const renamed = groups.map((group, i) => `${seeds[i]} ${group}`);
    expect(bootstrap(groups, mean(values), { outer: seeds })).toEqual(
      bootstrap(renamed, mean(values), { outer: seeds }),
    );
  });

  it("must be named for every row", () => {
    expect(() => bootstrap(["a", "b"], () => 0, { outer: ["x"] })).toThrow(/outer must have 2 entries; got 1/);
  });
});

describe("pairedBootstrap", () => {
  const random = createRandom(5);
  const base = Array.from({ length: 200 }, () => random.normal(0, 5));

  it("sees a constant gain exactly, however noisy the rows", () => {
    const better = base.map((value) => value + 1);
    const result = pairedBootstrap(names(200), mean(better), mean(base));
    for (const value of [result.value, result.low, result.high]) expect(value).toBeCloseTo(1, 9);
    expect(result.pValue).toBe(0);
  });

  it("turns around when the systems are exchanged", () => {
    const other = base.map((value) => value + random.normal(0.1, 1));
    const there = pairedBootstrap(names(200), mean(other), mean(base));
    const back = pairedBootstrap(names(200), mean(base), mean(other));
    expect(back.value).toBeCloseTo(-there.value, 12);
    expect(back.low).toBeCloseTo(-there.high, 12);
    expect(back.pValue).toBe(there.pValue);
  });

  it("says 1 when the systems are the same", () => {
    const result = pairedBootstrap(names(200), mean(base), mean(base));
    expect(result).toEqual({ value: 0, low: 0, high: 0, pValue: 1 });
  });
});

it("draws that are remembered, forgotten for others, or too many to remember are the same draws", () => {
  const groups = (size: number, name: string): string[] =>
    Array.from({ length: size }, (_, i) => `${name}${i % (size / 2)}`);
  const weighted = (rows: readonly number[]): number => rows.reduce((sum, row) => sum + Math.sqrt(row), 0);
  const ask = (size: number, name: string) => bootstrap(groups(size, name), weighted, { numDraws: 2000, seed: 3 });
  const first = ask(40, "a");
  expect(ask(40, "a")).toEqual(first);
  for (const name of ["b", "c", "d", "e", "f"]) ask(1000, name); // 2 million positions each: more than are remembered
  expect(ask(40, "a")).toEqual(first);
  expect(ask(40, "other names")).toEqual(first); // of equal groups
  const many = ask(4400, "a"); // not remembered at all
  expect(ask(4400, "a")).toEqual(many);
  expect(bootstrap(groups(40, "a"), weighted, { numDraws: 2000, seed: 4 })).not.toEqual(first);
});
