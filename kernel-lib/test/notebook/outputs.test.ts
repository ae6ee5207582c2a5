import { homedir, tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import {
  cleanValue,
  createCellError,
  createPathCleaner,
  OutputCollector,
  parseStderrError,
  quoteSource,
} from "../../src/notebook/collect-outputs";

const stream = (name: string, text: string): [string, Record<string, unknown>] => ["stream", { name, text }];
const display = (text: string, id?: string): Record<string, unknown> => ({
  data: { "text/plain": text },
  metadata: {},
  transient: id === undefined ? {} : { display_id: id },
});

function collector(): OutputCollector {
  return new OutputCollector(
    (text) => text.replaceAll("/project/", ""),
    () => undefined,
  );
}

describe("OutputCollector", () => {
  it("joins neighbouring pieces of one stream only", () => {
    const outputs = collector();
    const read = outputs.beginCell();
    for (const piece of [stream("stdout", "a"), stream("stdout", "b\n"), stream("stderr", "e"), stream("stdout", "c")])
      outputs.add(...piece);
    expect(read()).toEqual([
      { output_type: "stream", name: "stdout", text: "ab\n" },
      { output_type: "stream", name: "stderr", text: "e" },
      { output_type: "stream", name: "stdout", text: "c" },
    ]);
  });

  it("takes a folder of this machine out of a text that was written in pieces", () => {
    const outputs = collector();
    const read = outputs.beginCell();
    for (const text of ["see /pro", "ject/a.txt"]) outputs.add(...stream("stdout", text));
    expect(read()).toEqual([{ output_type: "stream", name: "stdout", text: "see a.txt" }]);
  });

  it("an update changes the display where it stands, in an earlier cell too", () => {
    const outputs = collector();
    const first = outputs.beginCell();
    outputs.add("display_data", display("old", "id"));
    outputs.add("display_data", display("other"));
    const second = outputs.beginCell();
    outputs.add("update_display_data", display("new", "id"));
    outputs.add("update_display_data", display("lost", "unknown"));
    expect(first().map((output) => "data" in output && output.data["text/plain"])).toEqual(["new", "other"]);
    expect(second()).toEqual([]);
  });

  it("clear_output empties the cell, at once or with the next output", () => {
    const outputs = collector();
    const read = outputs.beginCell();
    outputs.add(...stream("stdout", "a"));
    outputs.add("clear_output", { wait: true });
    expect(read()).toHaveLength(1);
    outputs.add(...stream("stdout", "b"));
    expect(read()).toEqual([{ output_type: "stream", name: "stdout", text: "b" }]);
    outputs.add("clear_output", { wait: false });
    expect(read()).toEqual([]);
  });

  it("passes progress bars on and does not keep them", () => {
    const lines: string[] = [];
    const outputs = new OutputCollector(
      (text) => text,
      (text) => lines.push(text),
    );
    const read = outputs.beginCell();
    outputs.add("display_data", display("1/2", "jomed-progress-x"));
    outputs.add("update_display_data", display("2/2", "jomed-progress-x"));
    expect([read(), lines]).toEqual([[], ["1/2", "2/2"]]);
  });

  it("a failure becomes an error output made of the last stderr piece, earlier ones stay", () => {
    const outputs = collector();
    const read = outputs.beginCell();
    outputs.add(...stream("stderr", "a warning\n"));
    outputs.add(
      ...stream("stderr", "RangeError: bad\n    at f (/project/a.ts:1:2)\n    at x (/p/tslab/dist/executor.js:1:1)\n"),
    );
    outputs.fail();
    expect(read()).toEqual([
      { output_type: "stream", name: "stderr", text: "a warning\n" },
      {
        output_type: "error",
        ename: "RangeError",
        evalue: "bad",
        traceback: ["RangeError: bad", "    at f (a.ts:1:2)"],
      },
    ]);
  });

  it("keeps all complaints of the type checker together, and a kernel's own error message as it is", () => {
    const outputs = collector();
    const read = outputs.beginCell();
    outputs.add(...stream("stderr", "1:1 - wrong\n"));
    outputs.add(...stream("stderr", "2:1 - wrong too\n"));
    expect(outputs.fail().traceback).toEqual(["1:1 - wrong", "2:1 - wrong too"]);
    expect(read()).toHaveLength(1);
    outputs.beginCell();
    outputs.add("error", { ename: "NameError", evalue: "x", traceback: ["t"] });
    expect(outputs.fail()).toEqual({ output_type: "error", ename: "NameError", evalue: "x", traceback: ["t"] });
  });
});

describe("a failed cell", () => {
  it.each([
    ["TypeError: x is not a function\n    at y", "TypeError", "x is not a function"],
    ["ShapeError [shape]: must match\n", "ShapeError", "must match"],
    ["file.ts:3\n  throw new Error()\n\nError\n    at z", "Error", ""],
    ["3:5 - Cannot find name 'y'.\n", "TypeScriptError", "3:5 - Cannot find name 'y'."],
    ["{ some: 'object' }\n", "Error", "{ some: 'object' }"],
    ["", "Error", "the cell failed without a message"],
  ])("%j is named", (stderr, ename, evalue) => {
    expect(parseStderrError(stderr)).toMatchObject({ ename, evalue });
  });

  it("is quoted by its first and last five lines", () => {
    const lines = Array.from({ length: 12 }, (_, i) => `line ${i}`);
    expect(quoteSource(lines.slice(0, 11).join("\n")).split("\n")).toEqual(lines.slice(0, 11));
    expect(quoteSource(lines.join("\n")).split("\n")).toEqual([
      ...lines.slice(0, 5),
      "… 2 more lines …",
      ...lines.slice(7),
    ]);
    const error = createCellError("03.ipynb", 4, lines.join("\n"), parseStderrError("RangeError: bad\n    at f"));
    for (const part of ["cell 4 of 03.ipynb", "line 0", "… 2 more lines …", "line 11", "RangeError: bad\n    at f"])
      expect(error.message).toContain(part);
    expect(error.details).toMatchObject({ reason: "cell-failed", notebook: "03.ipynb", cell: 4, ename: "RangeError" });
  });
});

describe("paths of the machine", () => {
  const clean = createPathCleaner("/opt/my.project");

  it("are written relative to the project, home and temporary folder", () => {
    expect(clean("at f (/opt/my.project/a/b.ts:1:2)")).toBe("at f (./a/b.ts:1:2)");
    expect(clean("file:///opt/my.project/a.ts")).toBe("./a.ts");
    expect(clean(`${tmpdir()}/x and ${homedir()}/y`)).toBe("<tmp>/x and ~/y");
  });

  it("stay where they are part of a longer name or of encoded bytes", () => {
    for (const text of ["/opt/my.projects/a", "/opt/myXproject", `QUJD${tmpdir()}QUJD`, "/srv/opt/my.project"])
      expect(clean(text)).toBe(text);
  });

  it("are found inside any JSON value", () => {
    expect(cleanValue({ a: ["/opt/my.project/b", 1, null], c: { d: "/opt/my.project" } }, clean)).toEqual({
      a: ["./b", 1, null],
      c: { d: "." },
    });
  });
});
