import { describe, expect, test } from "vitest";
import { csvField, escapeHtml, visibleText } from "../../src/base/plain-text";

describe("visibleText", () => {
  test.each([
    ["\u001b[31mred\u001b[0m", "␛[31mred␛[0m"],
    ["bell\u0007 null\0 delete\u007f", "bell␇ null␀ delete␡"],
    ["\u009b31m", "\\u009b31m"],
    ["photo\u202egnp.exe", "photo\\u202egnp.exe"],
    ["\u2066isolated\u2069", "\\u2066isolated\\u2069"],
    ["half \ud83d of a pair", "half \\ud83d of a pair"],
  ])("writes out what would act in %j", (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  test("leaves words of any script, whole symbols, tabs and lines as they are", () => {
    const text = "Größe 3 µm\t±0.5\nשלום عربي 乳房 🙂 <b>&amp;</b>";
    expect(visibleText(text)).toBe(text);
  });
});

test("escapeHtml leaves nothing that a tag or an attribute could be made of", () => {
  expect(escapeHtml(`<img src=x onerror="a('b')">&\u001b`)).toBe(
    "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;␛",
  );
});

describe("csvField", () => {
  test.each([
    ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
    ["+ text head", "'+ text head"],
    ["-2+3", "'-2+3"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t=1"],
    ["\r=1", '"\'\r=1"'],
    ['=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'],
  ])("%j is no formula", (text, field) => {
    expect(csvField(text)).toBe(field);
  });

  test.each([-0.5, 1e-7, -1e21, 0, "-0.5", "+3", "-1e-7", Number.NEGATIVE_INFINITY])("%j stays a number", (value) => {
    expect(csvField(value)).toBe(String(value));
  });

  test("quotes what would break the line, and leaves other words and gaps alone", () => {
    expect(['a "b", c', "two\nlines", "plain = text", "", null, undefined, true].map(csvField)).toEqual([
      '"a ""b"", c"',
      '"two\nlines"',
      "plain = text",
      "",
      "",
      "",
      "true",
    ]);
  });
});
