import { expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { augmentImage } from "../../src/training/reader-stage";

const image = { width: 4, height: 3, channels: 1 as const, data: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) };

test("without shift and noise the picture is the same", () => {
  const same = augmentImage(image, createRandom(1), { maxShift: 0, noise: 0 });
  expect([...same.data]).toEqual([...image.data]);
});

test("a shift moves whole rows and columns and repeats the border", () => {
  const moved = new Set<string>();
  const random = createRandom(2);
  for (let i = 0; i < 200; i++) moved.add([...augmentImage(image, random, { maxShift: 1, noise: 0 }).data].join());
  expect(moved.size).toBe(9);
  expect(moved).toContain([0, 0, 20, 40, 80, 80, 100, 120, 160, 160, 180, 200].join()); // one to the right
});

test("noise keeps the mean and has the asked deviation", () => {
  const flat = { width: 100, height: 100, channels: 1 as const, data: new Uint8Array(10_000).fill(128) };
  const noisy = [...augmentImage(flat, createRandom(3), { noise: 8 }).data];
  const mean = noisy.reduce((sum, value) => sum + value, 0) / noisy.length;
  const variance = noisy.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noisy.length;
  expect(mean).toBeCloseTo(128, 0);
  expect(Math.abs(Math.sqrt(variance) - 8)).toBeLessThan(0.3);
});

test("the same stream gives the same picture", () => {
  const [a, b] = [augmentImage(image, createRandom(4)), augmentImage(image, createRandom(4))];
  expect([...a.data]).toEqual([...b.data]);
});
