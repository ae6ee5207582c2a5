import { expect, test } from "vitest";
import { placeLines, sortAttributes } from "../../src/figures/export/draw";

test("attributes stand in alphabetical order, whatever the tag's end; everything else stays", () => {
  const svg =
    '<svg width="2" height="1"><rect y="0" class="bg" x="1"/><text  style="a: b; c: d" >x = "2" &lt; 3</text></svg>';
  expect(sortAttributes(svg)).toBe(
    '<svg height="1" width="2"><rect class="bg" x="1" y="0"/><text style="a: b; c: d" >x = "2" &lt; 3</text></svg>',
  );
});

test("the same attributes in any order give the same text, and sorting twice changes nothing", () => {
  const once = sortAttributes('<path d="M0,0 L1,1" xlink:href="#a" data-x="&quot;>"/>');
  expect(once).toBe(sortAttributes('<path data-x="&quot;>" xlink:href="#a" d="M0,0 L1,1"/>'));
  expect(sortAttributes(once)).toBe(once);
});

test("leaves tags without attributes, comments and text alone", () => {
  const text = '<g><!-- y="1" x="0" --></g>a y="1" x="0" b';
  expect(sortAttributes(text)).toBe(text);
});

test("words of several lines lose the shift that their lines have themselves; a single line keeps its own", () => {
  const lines =
    '<tspan class="line" dy="0em" x="28" y="32">a</tspan><tspan class="line" dy="1.3em" x="28" y="32">b</tspan></text>';
  expect(placeLines(`<text class="gtitle" dy="0.7em" x="28" y="32">${lines}`)).toBe(
    `<text class="gtitle" x="28" y="32">${lines}`,
  );
  const single = '<text class="xtitle" dy="0.7em" x="1" y="2">a</text><text x="1"><tspan dy="1em">b</tspan></text>';
  expect(placeLines(single)).toBe(single);
});
