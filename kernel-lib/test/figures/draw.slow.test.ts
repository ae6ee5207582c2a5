import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { Figure } from "../../src/base/types";
import { closeDrawing, drawFigure, renderFigure } from "../../src/figures/export/draw";
import { chromiumProgram, kaleidoFolder } from "../../src/figures/export/engine";
import { SAMPLE_FIGURES } from "./sample-figures";

const hasKaleido = kaleidoFolder() !== null;
const hasChromium = chromiumProgram() !== null;
const reason = (there: boolean, name: string): string => (there ? "" : ` (skipped: ${name} is not installed)`);
const VARIABLES = ["JOMED_DRAW_WITH", "JOMED_KALEIDO_DIR", "JOMED_CHROMIUM"];
const BARS: Figure = { data: [{ type: "bar", x: ["a", "b"], y: [1, 2] }], layout: { title: { text: "Two bars" } } };

async function forceEngine(settings: Readonly<Record<string, string>>): Promise<void> {
  await closeDrawing();
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, settings);
}

afterAll(() => closeDrawing());

/** Ids of kaleido's main processes started by this process. */
function kaleidoChildren(parent: number): number[] {
  const lines = execFileSync("ps", ["-eo", "pid,ppid,args"], { encoding: "utf8" }).split("\n");
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return rows
    .filter((row) => Number(row[1]) === parent && row[2]?.endsWith("bin/kaleido"))
    .map((row) => Number(row[0]));
}

/** Waits until no process has this id. */
const expectGone = (pid: number) =>
  expect.poll(() => spawnSync("ps", ["-o", "pid=", "-p", String(pid)]).status, { timeout: 10_000 }).toBe(1);

describe.skipIf(!hasKaleido)(`kaleido${reason(hasKaleido, "kaleido")}`, () => {
  it("draws every figure, the same bytes twice, also after a restart", async () => {
    const first = new Map<string, string>();
    for (const [name, build] of Object.entries(SAMPLE_FIGURES)) first.set(name, await drawFigure(build()));
    await closeDrawing();
    for (const [name, build] of Object.entries(SAMPLE_FIGURES).reverse()) {
      expect(await drawFigure(build()), name).toBe(first.get(name));
      expect(first.get(name), name).toMatch(/^<svg[^>]*width="\d+"/);
    }
  });

  it("draws a figure with a legend the same whether its words were measured before or not", async () => {
    const traces = ["benign", "malignant"].map((name) => ({
      type: "scatter",
      mode: "markers",
      name,
      x: [1, 2],
      y: [2, 1],
    }));
    const legend = { orientation: "h", y: -0.2 };
    const figure: Figure = { data: traces, layout: { showlegend: true, legend, title: { text: "Two kinds" } } };
    await closeDrawing(); // a new process has measured nothing
    const drawings = [await drawFigure(figure), await drawFigure(figure), await drawFigure(figure)];
    expect(new Set(drawings).size).toBe(1);
  });

  it("names itself, and sets text in Open Sans", async () => {
    const { content, drawnWith, width, height } = await renderFigure(SAMPLE_FIGURES["recall"]!());
    expect(drawnWith).toBe("kaleido 0.2.1");
    const [svg] = /^<svg[^>]*>/.exec(String(content))!;
    for (const size of [`width="${width}"`, `height="${height}"`]) expect(svg).toContain(` ${size}`);
    expect(content).toMatch(/font-family: ("|'|&quot;)?Open Sans/);
  });

  it("draws PNG at the scale asked for", async () => {
    const png = await drawFigure(BARS, { format: "png", width: 300, height: 200, scale: 3 });
    expect(await sharp(png).metadata()).toMatchObject({ format: "png", width: 900, height: 600 });
  });

  it("draws several figures asked for at once, each its own", async () => {
    const titles = ["first", "second", "third"];
    const drawn = await Promise.all(titles.map((text) => drawFigure({ data: BARS.data, layout: { title: { text } } })));
    for (const [i, svg] of drawn.entries()) expect(svg).toContain(`>${titles[i]}<`);
  });

  it("goes on after a figure that cannot be drawn", async () => {
    await expect(drawFigure({ data: [{ type: "bars" }], layout: {} })).rejects.toMatchObject({ code: "data" });
    expect(await drawFigure(BARS)).toContain("Two bars");
  });

  it("is started again when its process was killed", async () => {
    const before = await drawFigure(BARS);
    const [child] = kaleidoChildren(process.pid);
    process.kill(child!, "SIGKILL");
    await expectGone(child!);
    expect(await drawFigure(BARS)).toBe(before);
    expect(kaleidoChildren(process.pid)).not.toContain(child);
  });

  it("ends with its owner, even a killed one", async () => {
    const folder = join(kaleidoFolder()!, "bin", "kaleido");
    await drawFigure(BARS);
    const [child] = kaleidoChildren(process.pid);
    await closeDrawing();
    await expectGone(child!);
    // an owner that dies without a word: its pipe closes, and that alone must end the program
    const owner = spawn(process.execPath, ["-e", OWNER, folder, kaleidoFolder()!], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const orphan = Number(await new Promise<string>((done) => owner.stdout.once("data", (text) => done(String(text)))));
    owner.kill("SIGKILL");
    await expectGone(orphan);
  });
});

const OWNER = `
const [program, folder] = process.argv.slice(1);
const child = require("node:child_process").spawn(program, ["plotly", "--no-sandbox", "--disable-gpu"], {
  cwd: folder, detached: true, stdio: ["pipe", "pipe", "ignore"], env: { LD_LIBRARY_PATH: folder + "/lib", HOME: folder } });
child.stdout.once("data", () => console.log(child.pid));
setInterval(() => undefined, 1000);
`;

describe.skipIf(!hasChromium)(`Chromium${reason(hasChromium, "Chromium")}`, () => {
  afterEach(() => forceEngine({}));

  it("takes over when kaleido is absent, and says so", async () => {
    await forceEngine({ JOMED_KALEIDO_DIR: "/nonexistent" });
    const { content, drawnWith } = await renderFigure(BARS);
    expect(drawnWith).toMatch(/^chromium \d+/);
    expect(content).toContain("Two bars");
    expect(await drawFigure(BARS)).toBe(content);
  });

  it("takes over when kaleido is there but cannot run", async () => {
    const folder = mkdtempSync(join(tmpdir(), "jomed-broken-kaleido-"));
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin", "kaleido"), "#!/bin/sh\nexit 127\n", { mode: 0o755 });
    await forceEngine({ JOMED_KALEIDO_DIR: folder });
    expect((await renderFigure(BARS)).drawnWith).toMatch(/^chromium /);
    await forceEngine({ JOMED_KALEIDO_DIR: folder, JOMED_DRAW_WITH: "kaleido" });
    await expect(drawFigure(BARS)).rejects.toMatchObject({
      message: expect.stringContaining("does not start: it ends at once"),
    });
    rmSync(folder, { recursive: true });
  });

  it.skipIf(!hasKaleido)(
    "draws the same SVG as kaleido",
    async () => {
      const figure = SAMPLE_FIGURES["main-table"]!();
      const kaleido = await drawFigure(figure);
      await forceEngine({ JOMED_DRAW_WITH: "chromium" });
      expect(await drawFigure(figure)).toBe(kaleido);
    },
    60_000,
  );
});

describe("without any drawing program", () => {
  afterEach(() => forceEngine({}));

  it("says what to install", async () => {
    await forceEngine({ JOMED_KALEIDO_DIR: "/nonexistent", JOMED_CHROMIUM: "/nonexistent" });
    await expect(drawFigure(BARS)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringContaining("Run `npm run setup` (it installs kaleido)"),
    });
  });

  it("refuses to force an unknown one", async () => {
    await forceEngine({ JOMED_DRAW_WITH: "orca" });
    await expect(drawFigure(BARS)).rejects.toMatchObject({ code: "config" });
  });
});
