import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Figure } from "../../src/base/types";
import type { Drawing, DrawOptions } from "../../src/figures/export/draw";
import { recallFigure } from "../../src/figures/export/drawing-memory";
import { KALEIDO_NAME } from "../../src/figures/export/kaleido";

/** Stands in for the drawing program: says what it was asked for. */
const drawn = vi.hoisted(() => ({ count: 0, by: "" }));
vi.mock("../../src/figures/export/draw", () => ({
  renderFigure: async (figure: Figure, { format }: DrawOptions): Promise<Drawing> => {
    const text = `${format ?? "svg"} ${++drawn.count} ${JSON.stringify(figure.data)}`;
    const content = format === "png" ? new Uint8Array(Buffer.from(text)) : text;
    return { content, width: 860, height: 450, drawnWith: drawn.by };
  },
}));

const figure = (y: number): Figure => ({ data: [{ type: "scatter", y: [y] }], layout: {}, config: {} }) as Figure;
let root: string;
let folder: string;

beforeEach(() => {
  Object.assign(drawn, { count: 0, by: KALEIDO_NAME });
  root = mkdtempSync(join(tmpdir(), "jomed-drawings-"));
  folder = join(root, "drawings");
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin", "kaleido"), "");
  vi.stubEnv("JOMED_KALEIDO_DIR", root);
  vi.stubEnv("JOMED_DRAWINGS", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

it("draws a picture once, then reads the same bytes", async () => {
  const first = await recallFigure(figure(1), { format: "svg" }, folder);
  expect(await recallFigure(figure(1), { format: "svg" }, folder)).toEqual(first);
  const png = await recallFigure(figure(1), { format: "png" }, folder);
  expect(await recallFigure(figure(1), { format: "png" }, folder)).toEqual(png);
  expect(png.content).toBeInstanceOf(Uint8Array);
  expect(drawn.count).toBe(2);
});

it("draws another figure, size or resolution anew; an SVG has no resolution", async () => {
  await recallFigure(figure(1), {}, folder);
  await recallFigure(figure(1), { scale: 3 }, folder);
  expect(drawn.count).toBe(1);
  await recallFigure(figure(2), {}, folder);
  await recallFigure(figure(1), { width: 400 }, folder);
  await recallFigure(figure(1), { format: "png" }, folder);
  await recallFigure(figure(1), { format: "png", scale: 3 }, folder);
  expect(drawn.count).toBe(5);
});

it("draws again what was damaged, and keeps it", async () => {
  await recallFigure(figure(1), {}, folder);
  const file = join(folder, readdirSync(folder)[0]!);
  const whole = readFileSync(file);
  const damages = [
    () => truncateSync(file, whole.length - 1),
    () => truncateSync(file, 10),
    () => truncateSync(file, 0),
    () => writeFileSync(file, whole.fill(120, whole.length - 1)),
  ];
  for (const [i, damage] of damages.entries()) {
    damage();
    await recallFigure(figure(1), {}, folder);
    expect(drawn.count).toBe(i + 2);
    await recallFigure(figure(1), {}, folder);
    expect(drawn.count).toBe(i + 2);
  }
});

it("keeps nothing that another program drew, and reads nothing when told to draw", async () => {
  drawn.by = "chromium 156";
  await recallFigure(figure(1), {}, folder);
  await recallFigure(figure(1), {}, folder);
  expect(drawn.count).toBe(2);
  drawn.by = KALEIDO_NAME;
  await recallFigure(figure(1), {}, folder);
  vi.stubEnv("JOMED_DRAWINGS", "fresh");
  await recallFigure(figure(1), {}, folder);
  vi.stubEnv("JOMED_DRAWINGS", undefined);
  vi.stubEnv("JOMED_DRAW_WITH", "chromium");
  await recallFigure(figure(1), {}, folder);
  expect(drawn.count).toBe(5);
});

it("keeps the 200 pictures that were asked for last", async () => {
  const days = (count: number): Date => new Date(Date.now() - count * 86_400_000);
  mkdirSync(folder);
  for (let i = 0; i < 205; i++) {
    const file = join(folder, `old-${String(i).padStart(3, "0")}.svg`);
    writeFileSync(file, "");
    utimesSync(file, days(i + 1), days(i + 1));
  }
  await recallFigure(figure(1), {}, folder);
  const left = readdirSync(folder).sort();
  expect(left).toHaveLength(200);
  expect(left.filter((name) => name.startsWith("old-")).at(-1)).toBe("old-198.svg");
});

it("refuses what cannot be drawn, kept or not", async () => {
  const odd = { data: [{ type: "nonsense" }], layout: {}, config: {} } as unknown as Figure;
  await expect(recallFigure(odd, {}, folder)).rejects.toThrow("nonsense");
  expect(drawn.count).toBe(0);
});
