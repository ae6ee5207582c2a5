import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REPOSITORY } from "../setup/fakes";

const SOURCE = join(REPOSITORY, "kernel-lib/src");
const RULES = [
  {
    rule: "only cli writes to the terminal, and the kernel's processes to their log",
    pattern: /\bconsole\.|process\.(stdout|stderr)\b/,
    rooms: ["cli", "kernel"],
  },
  { rule: "random numbers come from base/random", pattern: /Math\.random\(|\btf\.random/, rooms: ["base"] },
  { rule: "only compute chooses a backend", pattern: /\.setBackend\(|registerBackend\(/, rooms: ["compute"] },
  { rule: "only store renames and links files", pattern: /\b(rename|link)(Sync)?\(/, rooms: ["store"] },
  {
    rule: "only store makes lock files and work folders; the kernel's connection file is of Jupyter's kind",
    pattern: /"wx"|\.lock["`]|\.partial["`]/,
    rooms: ["store", "kernel"],
  },
  {
    rule: "only hub downloads; cli asks JupyterLab, data an endpoint",
    pattern: /\bfetch\(/,
    rooms: ["hub", "cli", "data"],
  },
];

/** Files that write down the signature of somebody else's function. */
const FOREIGN_SIGNATURES = ["models/text/tokenizer.ts", "notebook/display.ts"];

const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

/** The code of a file without its comments. */
function codeOf(file: string): string {
  return readFileSync(join(SOURCE, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
}

describe("kernel-lib/src", () => {
  it.each(RULES)("$rule", ({ pattern, rooms }) => {
    const others = files.filter((file) => !rooms.includes(file.split("/")[0] ?? ""));
    expect(others.length).toBeGreaterThan(10);
    expect(others.filter((file) => pattern.test(codeOf(file)))).toEqual([]);
  });

  it("asks for words, not for true or false: no positional boolean argument", () => {
    const argument = /[(,]\s*\w+\??: boolean\s*[,)=]|[(,]\s*\w+ = (true|false)\s*[,)]/;
    expect(files.filter((file) => argument.test(codeOf(file)) && !FOREIGN_SIGNATURES.includes(file))).toEqual([]);
  });
});

describe("kernel-lib/test", () => {
  const TESTS = join(REPOSITORY, "kernel-lib/test");
  const shared = readdirSync(TESTS, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".test.ts") && !/\.(alone|slow)\.test\.ts$/.test(name),
  );

  it("keeps files that mock a module or choose an engine out of the processes that others share", () => {
    const APART = /vi\.mock\(|\.setBackend\(|stubEnv\("JOMED_BACKEND"/;
    const apart = (file: string): boolean => APART.test(readFileSync(join(TESTS, file), "utf8"));
    expect(shared.length).toBeGreaterThan(100);
    expect(shared.filter(apart)).toEqual([]);
  });
});
