import { expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import type { RasterImage } from "../../src/base/types";
import {
  arc,
  createCanvas,
  ellipse,
  outside,
  overlap,
  paint,
  ring,
  stroke,
  toRaster,
} from "../../src/phantoms/looks/canvas";
import { takePicture } from "../../src/phantoms/looks/taking";
import { drawClasses, drawPoisson } from "../../src/phantoms/phantom";
import { drawSkinPhantom } from "../../src/phantoms/tasks/derma";
import { drawFundusPhantom } from "../../src/phantoms/tasks/fundus";
import { shownPlan } from "./plans";

test("areas cover their inside, nothing outside, and combine", () => {
  const disc = ellipse({ x: 0, y: 0, rx: 0.5, ry: 0.25 });
  expect([disc.cover(0, 0), disc.cover(0.4, 0), disc.cover(0, 0.4)]).toEqual([1, 1, 0]);
  expect(outside(disc).cover(0, 0)).toBe(0);
  const hole = ellipse({ x: 0, y: 0, rx: 0.2, ry: 0.2 });
  expect([ring(disc, hole).cover(0, 0), ring(disc, hole).cover(0.35, 0)]).toEqual([0, 1]);
  expect(overlap(disc, hole).cover(0.35, 0)).toBe(0);
  const line = stroke(
    [
      [-1, 0],
      [1, 0],
    ],
    0.2,
  );
  expect([line.cover(0, 0), line.cover(0, 0.3)]).toEqual([1, 0]);
  expect(arc([-1, 0], [1, 0], 0.5, 3)[1]).toEqual([0, 0.5]);
});

test("paint reaches the whole area and nothing but it", () => {
  const canvas = createCanvas(8, 8, [0, 0, 0]);
  paint(canvas, ellipse({ x: -0.5, y: 0, rx: 0.4, ry: 0.9, soft: 0.01 }), [1, 1, 1]);
  const image = toRaster(canvas, 1, 0, createRandom(1));
  const half = (from: number) => image.data.filter((_, p) => p % 8 >= from && p % 8 < from + 4);
  expect(Math.max(...half(4))).toBe(0);
  expect(half(0).filter((value) => value === 255).length).toBeGreaterThan(12);
});

test("drawPoisson has the mean it is asked for; drawClasses the shares, each class at least once", () => {
  const random = createRandom("poisson");
  const draws = Array.from({ length: 4000 }, () => drawPoisson(2.5, random));
  expect(draws.reduce((sum, n) => sum + n, 0) / 4000).toBeCloseTo(2.5, 0);
  const classes = drawClasses(100, [0.9, 0.095, 0.005], random);
  expect([0, 1, 2].map((label) => classes.filter((found) => found === label).length)).toEqual([90, 9, 1]);
});

const meanOf = (image: RasterImage) => image.data.reduce((sum, value) => sum + value, 0) / image.data.length;
const spread = (values: number[]) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

test.each([
  ["fundus", 5, drawFundusPhantom, 1.5, "retina-mnist"], // how it was taken outweighs the grade
  ["dermoscopy", 7, drawSkinPhantom, 1.5, "derma-mnist"],
] as const)(
  "%s: the same stream gives the same bytes, and brightness alone tells no class",
  (_, labels, draw, ratio, task) => {
    const of = (label: number, i: number) =>
      draw(label, shownPlan(task, `${label}/${i}`), createRandom(`look/${label}/${i}`)).image;
    expect(of(1, 0)).toEqual(of(1, 0));
    const byClass = Array.from({ length: labels }, (_row, label) =>
      Array.from({ length: 30 }, (_cell, i) => meanOf(of(label, i))),
    );
    const between = spread(byClass.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length));
    const within = byClass.map(spread).reduce((sum, value) => sum + value, 0) / labels;
    expect(within).toBeGreaterThan(ratio * between);
  },
);

const PLAN = shownPlan("retina-mnist");

test("the grade raises the number of spots, and grades overlap", () => {
  const spots = (grade: number) =>
    Array.from(
      { length: 200 },
      (_, i) => drawFundusPhantom(grade, PLAN, createRandom(`spots/${grade}/${i}`), 8).signs,
    ).map(({ bleedings, exudates }) => bleedings + exudates);
  const [none, mild, moderate, severe] = [spots(0), spots(1), spots(2), spots(3)];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(severe)).toBeGreaterThan(mean(none) + 4);
  expect(Math.min(...mild)).toBeLessThan(Math.max(...none));
  expect(Math.min(...severe)).toBeLessThan(mean(moderate));
});

test("takePicture: brightness is the mean grey level, light falls or rises, coarse grain is wider than fine", () => {
  const take = (words: Record<string, string>, texture = 0) => {
    const canvas = createCanvas(32, 32, [0.3, 0.3, 0.3]);
    paint(canvas, ellipse({ x: 0, y: 0, rx: 0.6, ry: 0.6 }), [0.8, 0.6, 0.5]);
    takePicture(canvas, { brightness: "dim", slope: "rising", grain: "fine", ...words }, texture, createRandom("take"));
    return toRaster(canvas, 1, 0, createRandom("take"));
  };
  const levels = ["dark", "dim", "bright"].map((brightness) => meanOf(take({ brightness })) / 255);
  for (const [i, level] of levels.entries()) {
    expect(level).toBeGreaterThan([0.22, 0.38, 0.55][i]!);
    expect(level).toBeLessThan([0.38, 0.55, 0.75][i]!);
  }
  const half = ({ data }: RasterImage, isRight: boolean) =>
    data.reduce((sum, value, p) => (p % 32 >= 16 === isRight ? sum + value : sum), 0);
  for (const [slope, isBrighter] of [
    ["rising", true],
    ["falling", false],
  ] as const) {
    const image = take({ slope });
    expect(half(image, true) > half(image, false)).toBe(isBrighter);
  }
  const roughness = ({ data }: RasterImage) =>
    data.reduce((sum, value, p) => (p % 32 === 0 ? sum : sum + Math.abs(value - data[p - 1]!)), 0);
  expect(roughness(take({ grain: "fine" }, 0.2))).toBeGreaterThan(1.5 * roughness(take({ grain: "coarse" }, 0.2)));
});
