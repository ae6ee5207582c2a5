import { describe, expect, it } from "vitest";
import { assertDrawable } from "../../src/figures/export/validate";
import { compareWithGolden } from "./normalise";
import { SAMPLE_FIGURES } from "./sample-figures";

describe.each(Object.entries(SAMPLE_FIGURES))("%s figure", (name, build) => {
  const figure = build();

  it("is what the golden file holds", () => {
    const { found, stored } = compareWithGolden(name, figure);
    expect(found).toBe(stored);
  });

  it("can be drawn, is always laid out, and never offers to upload", () => {
    expect(() => assertDrawable("test", figure)).not.toThrow();
    expect(figure.layout).toMatchObject({ width: expect.any(Number), height: expect.any(Number) });
    expect(figure.config).toMatchObject({ showSendToCloud: false, displaylogo: false });
    expect(figure.layout["meta"]).toMatchObject({
      title: expect.stringMatching(/\w/),
      caption: expect.stringMatching(/\w/),
    });
  });

  it("is plain JSON and the same every time", () => {
    expect(JSON.parse(JSON.stringify(figure))).toEqual(JSON.parse(JSON.stringify(build())));
  });
});
