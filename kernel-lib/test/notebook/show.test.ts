import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { installHost, type KernelHost } from "../../src/kernel/host";
import { writeDisplay } from "../../src/notebook/display";
import {
  describeFigure,
  figureBundle,
  imagesBundle,
  PLOTLY_MIME,
  show,
  showMarkdown,
  showTable,
} from "../../src/notebook/show";
import { tableBundle } from "../../src/notebook/tables";

const figure = {
  data: [{ type: "bar", y: [1] }, { y: [2] }],
  layout: { title: { text: "A <b>finding</b><br>with & more" } },
  config: { responsive: true, showSendToCloud: true },
};

describe("figureBundle", () => {
  const bundle = figureBundle(figure, "<svg/>");

  it("holds Plotly JSON with a layout that never offers to send the figure away", () => {
    expect(bundle[PLOTLY_MIME]).toEqual({
      data: figure.data,
      layout: figure.layout,
      config: { displaylogo: false, responsive: true, showSendToCloud: false },
    });
  });

  it("has a picture, HTML without script or network, and one line of text", () => {
    expect(bundle["image/svg+xml"]).toBe("<svg/>");
    expect(bundle["text/plain"]).toBe("Figure: A finding with & more (2 traces: bar, scatter)");
    const html = String(bundle["text/html"]);
    expect(html).toContain('alt="Figure: A finding with &amp; more (2 traces: bar, scatter)"');
    expect(html).toContain(`src="data:image/svg+xml;base64,${Buffer.from("<svg/>").toString("base64")}"`);
    expect(html).not.toMatch(/<script|https?:/);
  });

  it("says in words what it is where nothing can draw it", () => {
    const bare = figureBundle({ data: [], layout: {} }, null);
    expect(Object.keys(bare)).toEqual([PLOTLY_MIME, "text/html", "text/plain"]);
    expect(bare["text/html"]).toBe("<p>Figure: untitled (0 traces)</p>");
    expect(describeFigure({ data: [{}], layout: { title: "plain" } })).toBe("Figure: plain (1 trace: scatter)");
  });
});

test("a figure's line says its title as it is seen, markup that is none included", () => {
  const titled = (text: string): string => describeFigure({ data: [], layout: { title: { text } } });
  expect(titled("<b>A &lt;b&gt; &amp;amp;</b>")).toBe("Figure: A <b> &amp; (0 traces)");
  expect(titled("<img src=x onerror=a()> p<sub>R</sub>")).toBe("Figure: <img src=x onerror=a()> pR (0 traces)");
});

describe("tableBundle", () => {
  it("shows control characters instead of obeying them, in words too", () => {
    const bundle = tableBundle([{ "a\u001b[1m": "\u001b[2Jgone\u202e" }]);
    expect(bundle["text/plain"]).toBe("a␛[1m\n␛[2Jgone\\u202e");
    expect(bundle["text/html"]).toContain("␛[2Jgone\\u202e");
  });

  it("aligns numbers to the right, escapes HTML and says how many rows there are", () => {
    const rows = [
      { name: "<a>", value: 0.123456 },
      { name: "b", value: null },
      { name: "c", value: 3 },
    ];
    const bundle = tableBundle(rows, { maxRows: 2 });
    expect(bundle["text/plain"]).toBe("name   value\n<a>   0.1235\nb\nfirst 2 of 3 rows");
    expect(bundle["text/html"]).toContain(
      '<td style="text-align:left">&lt;a&gt;</td><td style="text-align:right">0.1235</td>',
    );
    expect(bundle["text/html"]).toContain("<p>first 2 of 3 rows</p>");
  });

  it("reads an Arquero table", async () => {
    const { table } = await import("arquero");
    expect(tableBundle(table({ a: [1, 2, 3] }), { maxRows: 1 })["text/plain"]).toBe("a\n1\nfirst 1 of 3 rows");
  });

  it("refuses a table without columns and an impossible maxRows", () => {
    expect(() => showTable([])).toThrow("showTable: table must have columns; got none.");
    expect(() => showTable([{ a: 1 }], { maxRows: 0 })).toThrow("showTable: maxRows must be a whole number");
  });
});

describe("imagesBundle", () => {
  const image = { width: 2, height: 1, channels: 1 as const, data: new Uint8Array([0, 255]) };

  it("puts pictures in rows with sharp pixels, escaped captions and a line of text each", () => {
    const bundle = imagesBundle([image, image, image], { captions: ["a<b", "", "c"], columns: 2, scale: 4 });
    const html = String(bundle["text/html"]);
    expect(html.match(/<tr/g)).toHaveLength(2);
    expect(html).toContain('<img alt="a&lt;b" width="8" height="4" style="image-rendering:pixelated"');
    expect(bundle["text/plain"]).toBe("[2 x 1] a<b\n[2 x 1]\n[2 x 1] c");
  });

  it("refuses no pictures and the wrong number of captions", () => {
    expect(() => imagesBundle([])).toThrow("showImages: images must hold at least one picture; got none.");
    expect(() => imagesBundle([image], { captions: [] })).toThrow("showImages: captions must have 1 entries; got 0.");
  });
});

describe("displays", () => {
  it("go nowhere outside a notebook", async () => {
    showMarkdown("**x**");
    await expect(show(figure)).resolves.toBeUndefined();
  });

  it("are one bundle, told to the kernel that runs the cell", () => {
    const written: unknown[] = [];
    installHost({ publish: (...all: unknown[]) => written.push(all) } as unknown as KernelHost);
    try {
      writeDisplay({ "text/plain": "a" });
      writeDisplay({ "text/plain": "b" }, { id: "x", mode: "update" });
    } finally {
      Reflect.deleteProperty(globalThis, Symbol.for("kernel-lib.kernel"));
    }
    expect(written).toEqual([
      ["display_data", { data: { "text/plain": "a" }, metadata: {}, transient: {} }],
      ["update_display_data", { data: { "text/plain": "b" }, metadata: {}, transient: { display_id: "x" } }],
    ]);
  });

  it("fall back to the public display of tslab's own kernel, best format only", () => {
    const folder = mkdtempSync(join(tmpdir(), "plain-"));
    const file = join(folder, "tslab", "dist", "public.js");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "exports.written = []; exports.display = { raw: (...all) => exports.written.push(all) };");
    const require = createRequire(import.meta.filename);
    const { written } = require(file) as { written: unknown[] };
    try {
      writeDisplay({ "text/plain": "a", "text/html": "<p>a</p>" });
    } finally {
      delete require.cache[file];
      rmSync(folder, { recursive: true });
    }
    expect(written).toEqual([["text/html", "<p>a</p>"]]);
  });
});
