import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { pngUri } from "../../src/base/png";
import { systemStyles } from "../../src/figures/dot-plot";
import { isShownAs, readPublished, rowsOf } from "../../src/figures/tables";
import {
  balanceText,
  escapeText,
  percent,
  plainLabel,
  points,
  shortenText,
  textWidth,
  wrapText,
} from "../../src/figures/text";
import { logAxis, percentAxis, roundTicks } from "../../src/figures/theme";
import { loadPublished } from "../../src/frames/result-frames";
import { sampleImage } from "./sample-rows";

describe("pngUri", () => {
  it.each([1, 3] as const)("keeps every pixel of %i channels, repeated", async (channels) => {
    const image = sampleImage("png", 0.2, channels, 7);
    const bytes = Buffer.from(pngUri(image, 14).split(",")[1]!, "base64");
    const { data, info } = await sharp(bytes)
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([14, 14, channels]);
    for (const [x, y] of [
      [0, 0],
      [3, 5],
      [6, 6],
    ] as const) {
      const from = (y * 7 + x) * channels;
      const to = ((2 * y + 1) * 14 + 2 * x + 1) * channels;
      expect([...data.subarray(to, to + channels)]).toEqual([...image.data.subarray(from, from + channels)]);
    }
  });

  it("refuses data of the wrong length", () => {
    expect(() => pngUri({ width: 2, height: 2, channels: 1, data: new Uint8Array(3) })).toThrow(/= 4 bytes; got 3/);
  });
});

describe("text", () => {
  it("is wrapped within the width, whole, and cut only when asked", () => {
    const text = "Irregular dark mass with a shadow below, taller than wide, in the left breast";
    const lines = wrapText(text, 150, 12);
    expect(lines.length).toBeGreaterThan(2);
    expect(Math.max(...lines.map((line) => textWidth(line, 12)))).toBeLessThanOrEqual(150);
    expect(lines.join(" ")).toBe(text);
    expect(wrapText(text, 150, 12, { maxLines: 2 })[1]).toMatch(/…$/);
    expect(wrapText("Donaudampfschiff".repeat(4), 100, 12).every((line) => textWidth(line, 12) <= 100)).toBe(true);
  });

  it("has no short last line after balancing", () => {
    const lines = balanceText("one two three four five six seven eight nine ten eleven", 300, 12);
    const again = balanceText(`${"word ".repeat(12)}end`, textWidth("word ".repeat(12), 12), 12);
    expect(again.length).toBe(2);
    expect(textWidth(again[1]!, 12)).toBeGreaterThan(0.3 * textWidth(again[0]!, 12));
    expect(lines.join(" ")).toContain("eleven");
  });

  it("is cut between characters, never within one", () => {
    expect(wrapText("🙂".repeat(8), 20, 13).join("")).toBe("🙂".repeat(8));
    expect(wrapText("🙂".repeat(8), 20, 13).some((line) => /\p{Cs}/u.test(line))).toBe(false);
  });

  it("of a label is what is seen of it", () => {
    const text = "<img src=x> a < b && \u001b[1m";
    expect(plainLabel(`<b>${escapeText(text)}</b><br>two`)).toBe("<img src=x> a < b && ␛[1m two");
    expect(escapeText("<b>")).toBe("&lt;b&gt;");
  });

  it("writes numbers as the figures do", () => {
    expect([0, 0.8345, 1, 0.9999, 0.0001].map((share) => percent(share))).toEqual(["0", "83.5", "100", ">99.9", "0.0"]);
    expect([0.021, -0.004, 0.0001].map(points)).toEqual(["+2.1", "−0.4", "0.0"]);
    expect(textWidth(shortenText("a very long name of a system", 80, 13), 13)).toBeLessThanOrEqual(80);
  });
});

describe("axes", () => {
  it("mark round places only, and only shares that exist", () => {
    expect(roundTicks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    for (const shares of [[0], [1], [0, 1], [0.5], [0.99, 1]]) {
      const { range, tickvals } = percentAxis(shares) as { range: number[]; tickvals: number[] };
      expect(Math.min(...tickvals)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...tickvals)).toBeLessThanOrEqual(100);
      expect(range[0]).toBeLessThan(100 * Math.min(...shares));
      expect(range[1]).toBeGreaterThan(100 * Math.max(...shares));
    }
  });

  it("logAxis always has two marks", () => {
    for (const values of [[100], [992, 968], [3, 7000]]) {
      expect((logAxis(values, String) as { tickvals: number[] }).tickvals.length).toBeGreaterThanOrEqual(2);
    }
  });
});

describe("rows, systems, published numbers", () => {
  it("rowsOf takes arrays and tables alike", () => {
    const rows = [{ a: 1 }];
    expect(rowsOf("t", rows, ["a"])).toEqual(rowsOf("t", { objects: () => rows }, ["a"]));
  });

  it("a system keeps its colour, also on the line of a published model", () => {
    const one = systemStyles(["jomed", "other"]).get("jomed")!;
    expect(one.label).toBe("JOMED");
    const model = { name: "JOMED (Pixtral)", system: "jomed" };
    expect(systemStyles(["closed-book", model]).get(model.name)).toEqual({ label: model.name, color: one.color });
    const colors = [...systemStyles(["closed-book", "ft-rag", "text-head", "jomed", "rad", "mmed-rag"]).values()].map(
      ({ color }) => color,
    );
    expect(new Set(colors).size).toBe(6);
  });

  it("a published number stands beside the same system with the same reader", () => {
    const { rows } = loadPublished("classification");
    const published = readPublished("t", rows, "breast-mnist");
    const models = (ours: string) =>
      new Set(published.filter((each) => isShownAs(each, ours)).map(({ model }) => model));
    expect(models("jomed")).toEqual(new Set(["JOMED (Qwen2-VL)"]));
    expect(models("mmed-rag")).toEqual(new Set(["MMed-RAG"]));
    expect(models("closed-book").size).toBe(0);
    expect(published.every(({ value }) => value > 0 && value <= 1)).toBe(true);
  });

  it("published numbers are whole per cents with their source", () => {
    for (const table of ["classification", "vqa"] as const) {
      const { source, rows } = loadPublished(table);
      expect(source).toContain("2508.17394v3");
      expect(rows.every(({ value }) => Number.isInteger(value) && value > 0 && value <= 100)).toBe(true);
      for (const metric of new Set(rows.map((row) => row.metric))) {
        const own = rows.filter((row) => row.model === "JOMED (Qwen2-VL)" && row.metric === metric);
        const average = own.find((row) => row.task === "average")!.value;
        const others = own.filter((row) => row.task !== "average");
        expect(Math.abs(others.reduce((sum, row) => sum + row.value, 0) / others.length - average)).toBeLessThanOrEqual(
          1,
        );
      }
    }
    expect(() => loadPublished("table-9" as "vqa")).toThrow(/one of classification, vqa/);
  });
});
