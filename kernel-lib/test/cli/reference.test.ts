import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { main } from "../../src/cli/reference";
import { compareReference } from "../../src/cli/reference-compare";
import { writeSafetensors } from "../../src/compute/safetensors";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "reference-"));
  mkdirSync(join(root, "stored", "sums"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

/** Stores a script that writes these files; Node stands for Python. */
function store(files: Readonly<Record<string, string>>, name = "make_sums.py"): void {
  const lines = Object.entries(files).map(([file, text]) => `fs.writeFileSync("${file}", ${JSON.stringify(text)});`);
  writeFileSync(join(root, "stored", "sums", name), `const fs = require("fs");\n${lines.join("\n")}\n`);
}

const put = (file: string, text: string): void => writeFileSync(join(root, "stored", "sums", file), text);
const stored = (file: string): string => readFileSync(join(root, "stored", "sums", file), "utf8");

/** Runs the program. @returns exit code and everything it wrote. */
async function run(...argv: string[]): Promise<[number, string]> {
  let text = "";
  const places = { stored: join(root, "stored"), environment: join(root, "environment") };
  const stream = { write: (line: string) => (text += line) };
  return [await main(["--python", process.execPath, ...argv], stream, places), text];
}

describe("npm run reference", () => {
  test("says which files are the same, and touches none", async () => {
    store({ "a.json": "[1]", "b.bin": "bytes" });
    put("a.json", "[1]");
    put("b.bin", "bytes");
    expect(await run()).toEqual([0, "sums/a.json: same\nsums/b.bin: same\n"]);
  });

  test("says by how much a number differs, which file no script makes, and which is new; ends with 1", async () => {
    store({ "a.json": '{"x":[1,2.5]}', "new.json": "[]" });
    put("a.json", '{"x":[1,2]}');
    put("old.json", "{}");
    const [code, text] = await run();
    expect(code).toBe(1);
    expect(text.split("\n")).toEqual([
      "sums/a.json: differs, differs by 2.5e-1 (x[1])",
      "sums/new.json: differs, new",
      "sums/old.json: differs, no script makes it",
      "",
    ]);
    expect(stored("a.json")).toBe('{"x":[1,2]}');
    expect(existsSync(join(root, "stored/sums/new.json"))).toBe(false);
  });

  test("--write puts what differs in its place", async () => {
    store({ "a.json": "[2]", "new.json": "[]" });
    put("a.json", "[1]");
    const [code, text] = await run("--write");
    expect(code).toBe(0);
    expect(text).toMatch(/a\.json: differs, .*\(written\)\nsums\/new\.json: differs, new \(written\)/);
    expect([stored("a.json"), stored("new.json")]).toEqual(["[2]", "[]"]);
    expect((await run())[1]).toBe("sums/a.json: same\nsums/new.json: same\n");
  });

  test("runs all scripts of a folder, and only the folder asked for", async () => {
    store({ "a.json": "[1]" });
    store({ "b.json": "[2]" }, "make-more.py");
    cpSync(join(root, "stored", "sums"), join(root, "stored", "others"), { recursive: true });
    mkdirSync(join(root, "stored", "no-scripts"));
    const [, text] = await run("--only", "sums");
    expect(text).toBe("sums/a.json: differs, new\nsums/b.json: differs, new\n");
    expect(await run("--only", "none")).toEqual([1, expect.stringMatching(/--only must be one of others, sums/)]);
  });

  test("a script that fails ends it with the end of its output", async () => {
    writeFileSync(join(root, "stored", "sums", "make.py"), 'throw new Error("no such module");');
    const [code, text] = await run();
    expect(code).toBe(1);
    expect(text).toMatch(/^reference: runPython: .*make\.py must succeed; got exit code 1\..*no such module/s);
  });

  test("a wrong call is refused", async () => {
    expect(await run("--rewrite")).toEqual([1, expect.stringMatching(/--rewrite.*\n?.*npm run reference/s)]);
  });
});

describe("compareReference", () => {
  const compare = (before: string, after: string, ending = ".json") => {
    const [a, b] = [join(root, `before${ending}`), join(root, `after${ending}`)];
    writeFileSync(a, before);
    writeFileSync(b, after);
    return compareReference(a, b);
  };

  test.each([
    ['{"a":1}', '{"a":1}', "same", ""],
    ['{"a":1}', '{ "a": 1 }', "equal", "written otherwise"],
    ['{"a":1000}', '{"a":1000.001}', "equal", "differs by 1.0e-6 (a)"],
    ['{"a":0.001}', '{"a":0.0011}', "differs", "differs by 1.0e-4 (a)"],
    ['{"a":[0,[1,9]]}', '{"a":[0,[1,7]]}', "differs", "differs by 2.2e-1 (a[1][1])"],
    ['{"versions":{"torch":"1"},"a":1}', '{"versions":{"torch":"2"},"a":1}', "equal", "versions: torch 1 → 2"],
    ['{"versions":{"torch":"1"},"a":1}', '{"versions":{"torch":"1"}, "a":1}', "equal", "written otherwise"],
    ['{"a":["x","y"]}', '{"a":["y","x"]}', "equal", "order of a"],
    ['{"a":["x","y"]}', '{"a":["x","z"]}', "differs", 'a[1] is "y" before, "z" now'],
    ['{"a":[1,2]}', '{"a":[1]}', "differs", "a has 2 entries before, 1 now"],
    ['{"a":1}', '{"b":1}', "differs", "a is 1 before, nothing now; b is nothing before, 1 now"],
    ['{"a":null}', '{"a":0}', "differs", "a is null before, 0 now"],
  ])("%s and %s", (before, after, verdict, detail) => {
    expect(compare(before, after)).toEqual({ verdict, detail });
  });

  test("compares other files by their bytes", () => {
    expect(compare("abc", "abcd", ".dcm")).toEqual({ verdict: "differs", detail: "other bytes, 3 before, 4 now" });
  });

  test("compares safetensors by name, shape and value", () => {
    const write = (file: string, shape: number[], ...values: number[]): string => {
      writeSafetensors(join(root, file), [["w", { dtype: "F32", shape, data: Float32Array.from(values) }]]);
      return join(root, file);
    };
    const before = write("a.safetensors", [2], 1, 2);
    expect(compareReference(before, write("b.safetensors", [2], 1, 2)).verdict).toBe("same");
    expect(compareReference(before, write("c.safetensors", [2], 1, 2.5)).detail).toBe("differs by 2.5e-1 (w.data[1])");
    expect(compareReference(before, write("d.safetensors", [1, 2], 1, 2)).detail).toMatch(/w\.shape has 1 entries/);
  });
});
