import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { embedFonts } from "../../src/figures/export/embed-fonts";

const text = (words: string, style = ""): string => `<svg width="9"><text style="${style}">${words}</text></svg>`;
const faces = (svg: string): (readonly [string, Buffer])[] =>
  [...svg.matchAll(/font-weight:(\d+);src:url\("data:font\/woff2;base64,([\w+/=]+)"\)/g)].map(
    ([, weight, font]) => [weight!, Buffer.from(font!, "base64")] as const,
  );

test("an SVG holds one small WOFF2 font for each weight it uses, first of all", async () => {
  const regular = await embedFonts(text("n = 156"));
  expect(regular).toMatch(/^<svg width="9"><style>@font-face\{font-family:"Open Sans";font-weight:400;/);
  expect(faces(regular).map(([weight]) => weight)).toEqual(["400"]);
  const bold = await embedFonts(text('<tspan style="font-weight:bold">n</tspan> = 156'));
  expect(faces(bold).map(([weight]) => weight)).toEqual(["400", "700"]);
  for (const [, font] of faces(bold)) {
    expect(font.toString("latin1", 0, 4)).toBe("wOF2");
    expect(font.length).toBeLessThan(6_000);
  }
});

test("the font grows with the characters that occur, not with how often; the same SVG gives the same bytes", async () => {
  const [few, again, many] = [
    await embedFonts(text("ab")),
    await embedFonts(text("abbaab")),
    await embedFonts(text("abcdefg")),
  ];
  expect(faces(again)).toEqual(faces(few));
  expect(faces(many)[0]![1].length).toBeGreaterThan(faces(few)[0]![1].length);
  expect(await embedFonts(text("ab"))).toBe(few);
});

test("entities count as the characters they stand for", async () => {
  expect(faces(await embedFonts(text("&lt;&amp;&#8722;&#x2192;")))).toEqual(
    faces(await embedFonts(text("<&−→").replace("<&", "&lt;&amp;"))),
  );
});

test("a picture without words stays as it is; what is no SVG is refused", async () => {
  expect(await embedFonts('<svg width="9"><path d="M0,0"/></svg>')).toBe('<svg width="9"><path d="M0,0"/></svg>');
  await expect(embedFonts("<html>")).rejects.toMatchObject({
    code: "data",
    message: expect.stringContaining('must begin with an svg element; got "<html>"'),
  });
});

test("every committed figure holds its letters", async () => {
  const folder = join(repositoryRoot(), "figures");
  const names = readdirSync(folder).filter((name) => name.endsWith(".svg"));
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    const svg = readFileSync(join(folder, name), "utf8");
    const bare = svg.replace(/<style>@font-face.*?<\/style>/, "");
    expect(faces(svg), name).toEqual(faces(await embedFonts(bare)));
    expect(faces(svg).length, name).toBeGreaterThan(0);
  }
});
