import { describe, expect, it } from "vitest";
import { createTerminalProgress, terminalControl } from "../../src/cli/terminal-progress";

describe("createTerminalProgress", () => {
  it("in a log writes a job's line at most every 15 s, and always its last", () => {
    const written: string[] = [];
    let time = 0;
    const progress = createTerminalProgress({ write: (text) => written.push(text) }, () => time);
    for (; time < 31_000; time += 5000) progress.update("a", `at ${time}`);
    progress.finish("a", "done");
    expect(written).toEqual(["at 0\n", "at 15000\n", "at 30000\n", "done\n"]);
  });

  it("on a terminal redraws live lines in place, cut to its width, below lines that stay", () => {
    let screen = "";
    const progress = createTerminalProgress({ write: (text) => (screen += text), isTTY: true, columns: 31 });
    progress.update("a", "a".repeat(40));
    progress.update("b", "b 1");
    progress.finish("a", "a done");
    progress.finish("b");
    progress.say("end");
    expect(render(screen)).toEqual(["a done", "end"]);
    expect(screen).toContain("a".repeat(30));
    expect(screen).not.toContain("a".repeat(31));
  });

  it.each([true, false])("shows what names and messages hold, and obeys none of it (terminal: %s)", (isTTY) => {
    let screen = "";
    const progress = createTerminalProgress({ write: (text) => (screen += text), isTTY });
    const hostile = "x\u001b[2J\u001b]8;;http://a.example\u0007\u202egnp.exe\rhidden";
    const shown = "x␛[2J␛]8;;http://a.example␇\\u202egnp.exe␍hidden";
    progress.update("a", hostile);
    progress.finish("a", `done ${hostile}`);
    progress.say(`broken: ${hostile}`);
    terminalControl(progress).onWarn?.("pictures", hostile, {});
    for (const line of [shown, `done ${shown}`, `broken: ${shown}`, `warning: ${shown}`])
      expect(screen).toContain(line);
    for (const acting of ["\u0007", "\r", "\u202e", "\u001b]", "\u001b[2J"]) expect(screen).not.toContain(acting);
  });

  it("terminalControl shows stages and warnings", () => {
    const written: string[] = [];
    const control = terminalControl(createTerminalProgress({ write: (text) => written.push(text) }));
    control.onProgress?.({ stage: "s", done: 2, total: 2 });
    control.onWarn?.("checksum", "other md5", {});
    expect(written).toEqual([expect.stringMatching(/^s: 100%\|█+\| 2\/2 /), "warning: other md5\n"]);
  });
});

/** What a terminal would show: understands "line up" and "clear line". */
function render(text: string): string[] {
  const lines: string[] = [""];
  let row = 0;
  for (const [token] of text.replaceAll("\u001b", "␛").matchAll(/␛\[(\d+)A|␛\[2K|\n|[^␛\n]+/g)) {
    if (token === "\n") row++;
    else if (token.endsWith("A") && token.startsWith("␛")) row -= Number(token.slice(2, -1));
    else lines[row] = token === "␛[2K" ? "" : (lines[row] ?? "") + token;
    lines[row] ??= "";
  }
  return lines.filter((line) => line !== "");
}
