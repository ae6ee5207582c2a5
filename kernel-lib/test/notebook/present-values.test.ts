import { table } from "arquero";
import { describe, expect, it } from "vitest";
import { present } from "../../src/kernel/cells/present";
import type { Presented } from "../../src/kernel/host";
import { PRESENTERS } from "../../src/notebook/present-values";

const shown = async (value: unknown): Promise<Presented["data"]> => (await present(value, PRESENTERS)).data;
const textOf = async (value: unknown): Promise<unknown> => (await shown(value))["text/plain"];

describe("the result of a cell", () => {
  it("is Node's text where nothing better is known", async () => {
    expect(await shown({ a: [1, "b"] })).toEqual({ "text/plain": "{ a: [ 1, 'b' ] }" });
    expect(await textOf("text")).toBe("'text'");
    expect(await textOf({ data: [1], other: 2 })).toBe("{ data: [ 1 ], other: 2 }");
  });

  it("is what the value makes of itself, with a text for viewers that know nothing else", async () => {
    expect(await shown({ toMime: () => ({ "text/html": "<b>x</b>" }) })).toMatchObject({ "text/html": "<b>x</b>" });
    const own = { [Symbol.for("Jupyter.display")]: async () => ({ "text/markdown": "*x*", "text/plain": "x" }) };
    expect(await shown(own)).toEqual({ "text/markdown": "*x*", "text/plain": "x" });
    const broken = {
      toMime: () => {
        throw new Error("no");
      },
      a: 1,
    };
    expect(await textOf(broken)).toContain("a: 1");
  });

  it("of a table: the first rows, the kinds of its columns, how many rows; numbers to the right", async () => {
    const rows = table({
      name: Array.from({ length: 30 }, (_, i) => `n${i}`),
      score: Array.from({ length: 30 }, (_, i) => i / 2),
    });
    const data = await shown(rows);
    expect(data["text/plain"]).toMatch(/^name {2}score\nn0 +0\nn1 +0\.5\n/);
    expect(data["text/plain"]).toContain("30 rows x 2 columns (name: string, score: number)");
    expect(data["text/html"]).toContain('<td style="text-align:right">0.5</td>');
    const frame = {
      columns: ["a", "b"],
      shape: [2, 2],
      values: [
        [1, "x"],
        [2, "<y>"],
      ],
      head() {},
      print() {},
    };
    expect(await shown(frame)).toMatchObject({
      "text/plain": "a  b\n1  x\n2  <y>\n2 rows x 2 columns (a: number, b: string)",
      "text/html": expect.stringContaining("&lt;y&gt;"),
    });
  });

  it("of a tensor: kind, shape and range", async () => {
    const values = Float32Array.of(1, 2, Number.NaN, 6);
    const tensor = {
      dtype: "float32",
      shape: [2, 2],
      size: 4,
      isDisposed: false,
      dataSync: () => values,
      dispose() {},
    };
    expect(await textOf(tensor)).toBe("Tensor float32 [2, 2]: min 1, mean 3, max 6, 1 not finite");
    expect(await textOf({ ...tensor, isDisposed: true })).toBe("Tensor float32 [2, 2], disposed");
  });

  it("of maps, sets and typed arrays: small tables", async () => {
    const map = await shown(
      new Map<unknown, unknown>([
        ["<a>", 1],
        ["b", { c: 2 }],
      ]),
    );
    expect(map["text/html"]).toContain('<td style="text-align:left">&lt;a&gt;</td><td style="text-align:right">1</td>');
    expect(map["text/plain"]).toBe("Map(2) { '<a>' => 1, 'b' => { c: 2 } }");
    expect((await shown(new Set([1])))["text/html"]).toContain("Set of 1");
    const typed = await shown(new Float32Array(1000).fill(2));
    expect(typed["text/html"]).toContain("Float32Array of 1000: min 2, mean 2, max 2");
    expect(String(typed["text/html"]).match(/<tr>/g)).toHaveLength(21);
  });

  it("of a picture and of a figure: what kernel.show shows", async () => {
    const picture = { width: 2, height: 1, channels: 1, data: new Uint8Array([0, 255]) };
    expect((await shown(picture))["text/html"]).toContain("data:image/png");
    const figure = { data: [{ type: "bar", x: ["a"], y: [1] }], layout: { title: { text: "One" } } };
    expect(await shown(figure)).toMatchObject({
      "application/vnd.plotly.v1+json": { data: figure.data },
      "text/plain": "Figure: One (1 trace: bar)",
    });
  });
});
