import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { contentOf, type Exchange, KernelSession, pause, resultText, streamText } from "../helpers/kernel-session";

const root = repositoryRoot();
let folder: string;
let session: KernelSession;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kernel-cells-"));
  session = await KernelSession.start(root, folder, { NODE_OPTIONS: "--max-old-space-size=200" });
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

const value = async (code: string): Promise<unknown> => resultText(await session.execute(code));
const errorOf = (exchange: Exchange) =>
  contentOf(exchange, "error") as { ename: string; evalue: string; traceback: string[] };
const failed = async (code: string) => errorOf(await session.execute(code));

describe("the language of cells", () => {
  it("is strict, current TypeScript", async () => {
    expect(await failed("const s: string = null")).toMatchObject({
      ename: "TypeScriptError",
      evalue: expect.stringContaining("TS2322"),
    });
    expect(await value("using held = { [Symbol.dispose]() { console.log('given back') } }; [3, 1].toSorted()")).toBe(
      "[ 1, 3 ]",
    );
    expect(await value("const u = 'data:application/json,[1]'; const d = await (await fetch(u)).json(); d")).toBe(
      "[ 1 ]",
    );
    expect(await value("await `x`")).toBe("'x'");
    expect(await value("() => 1")).toBe("[Function (anonymous)]");
    expect(await value("[Promise.resolve(1), Promise.resolve({ f: new Map() })]")).toBe(
      "[ Promise { 1 }, Promise { { f: Map(0) {} } } ]",
    );
    expect(streamText(await session.execute("for await (const v of [1, 2]) console.log(v)"))).toBe("1\n2\n");
    expect(await value("function me() { return this }\n[me.call('you')]")).toBe("[ 'you' ]");
    expect(await value("function add(a, b) { return a + b }\nconst list = []; list.push(add(1, 2)); list")).toBe(
      "[ 3 ]",
    );
  });

  it("knows the types of earlier cells, and lets names be declared again", async () => {
    await session.execute("let count = 1; interface Point { x: number }; enum Kind { A, B }");
    expect((await failed("count = 'x'")).evalue).toContain("TS2322");
    expect(await value("count += 1; const p: Point = { x: count }; [p, Kind.B]")).toBe("[ { x: 2 }, 1 ]");
    await session.execute("const count = 'text'");
    expect(await value("count.toUpperCase()")).toBe("'TEXT'");
    expect((await failed("count = 'y'")).evalue).toContain("TS2588");
  });

  it("may be left unchecked", async () => {
    expect(await failed("// @ts-nocheck\nconst s: string = nowhere")).toMatchObject({ ename: "ReferenceError" });
    const warned = await session.execute("new Map([[1, 2]]).get(1).toFixed()");
    expect([resultText(warned), streamText(warned, "stderr")]).toEqual(["'2'", expect.stringContaining("TS2532")]);
  });

  it("imports packages of both kinds, JSON, and TypeScript beside the notebook, anew when it changes", async () => {
    writeFileSync(join(folder, "data.json"), '{"a": [1]}');
    writeFileSync(join(folder, "other.ts"), "export const base: number = await Promise.resolve(40);\n");
    writeFileSync(
      join(folder, "mine.ts"),
      'import { base } from "./other";\nexport default (x: number): number => base + x;\n',
    );
    expect(await value("import data from './data.json'; import plus from './mine.ts'; [data.a[0], plus(2)]")).toBe(
      "[ 1, 42 ]",
    );
    await pause(20);
    writeFileSync(join(folder, "mine.ts"), "export default (x: number): number => -x;\n");
    expect(await value("import plus from './mine'; plus(2)")).toBe("-2");
    expect(
      await value(
        "import { table } from 'arquero'; import fs, { existsSync } from 'node:fs'; table({ v: [1] }).numRows() + Number(fs.existsSync === existsSync)",
      ),
    ).toBe("2");
    expect(await value("import.meta.url.startsWith('file:') && __dirname")).toBe(`'${folder}'`);
    expect((await failed("// @ts-nocheck\nimport 'no-such-package'")).evalue).toContain(
      "Cannot find module 'no-such-package'",
    );
  });

  it("imports TypeScript files that import each other, and anew when one that they import has changed", async () => {
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    write(
      "odd.ts",
      'import { even } from "./even";\nexport const odd = (n: number): boolean => n > 0 && even(n - 1);\n',
    );
    write(
      "even.ts",
      'import { odd } from "./odd";\nexport const even = (n: number): boolean => n === 0 || odd(n - 1);\n',
    );
    expect(await value("import { odd } from './odd'; import { even } from './even'; [odd(3), even(3)]")).toBe(
      "[ true, false ]",
    );
    write("deep.ts", "export const deep = 1;\n");
    write("middle.ts", 'export * from "./deep";\n');
    write("top.ts", 'import { deep } from "./middle";\nexport const doubled = 2 * deep;\n');
    expect(await value("import { doubled } from './top'; doubled")).toBe("2");
    await pause(20);
    write("deep.ts", "export const deep = 21;\n");
    expect(await value("import { doubled } from './top'; doubled")).toBe("42");
  });

  it("is marked where it stops in the middle, whatever is missing", async () => {
    expect((await failed("if (true) {\n  1;\n\n")).evalue).toBe("2:5 - TS1005: '}' expected.");
    const { traceback } = await failed("type A =");
    expect(traceback.join("\n")).toMatch(/line 1, column 9/);
    expect(traceback.join("\n")).not.toMatch(/line 2|export/);
  });

  it("shows what tslab's module shows", async () => {
    const shown = await session.execute(
      "import * as tslab from 'tslab'; const box = tslab.newDisplay(); box.html('<b>a</b>'); box.html('<b>b</b>'); tslab.display.png(new Uint8Array([1, 2]))",
    );
    const types = shown.published.map(({ header }) => header.msg_type).filter((type) => type.includes("display"));
    expect(types).toEqual(["display_data", "update_display_data", "display_data"]);
    expect(shown.published.at(-2)?.content["data"]).toEqual({ "image/png": "AQI=" });
    expect(await value("tslab.versions.typescript")).toMatch(/^'7\./);
  });
});

describe("errors", () => {
  it("name the place in the cell, the marked line, the user's functions and the causes, and nothing of the kernel", async () => {
    const exchange = await session.execute(
      "function inner(n: number): never {\n  throw new RangeError('bad', { cause: new Error('why') });\n}\nconst reached = 1;\ninner(2);",
    );
    const { ename, evalue, traceback } = errorOf(exchange);
    const count = exchange.reply.content["execution_count"];
    expect([ename, evalue, exchange.reply.content["ename"]]).toEqual(["RangeError", "bad", "RangeError"]);
    expect(traceback.slice(0, 2)).toEqual(["RangeError: bad", `Cell [${count}], line 2, column 9`]);
    const text = traceback.join("\n");
    for (const part of [
      "> 2 |   throw new RangeError",
      `at inner (Cell [${count}], line 2, column 9)`,
      `at Cell [${count}], line 5, column 1`,
      "[cause]:",
      "Error: why",
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/node:|dist\/kernel|Promise/);
    expect(await value("reached")).toBe("1");
  });

  it("of a cell that fails half-way leave what was reached, and its types", async () => {
    await failed("const before = 1; type Kept = { a: 1 }; throw new Error('x'); const after = 2;");
    expect(await value("const kept: Kept = { a: 1 }; before + kept.a")).toBe("2");
    expect((await failed("after")).evalue).toContain("TS2304");
  });

  it("of grammar are told with their place; anything can be thrown; promises nobody waits for are told in their cell", async () => {
    expect(await failed("const x = ;")).toMatchObject({
      ename: "SyntaxError",
      evalue: expect.stringContaining("1:11"),
    });
    expect(await failed("throw { code: 5 }")).toMatchObject({ evalue: "{ code: 5 }" });
    expect((await failed("throw new AggregateError([new TypeError('p')], 'many')")).traceback.join("\n")).toContain(
      "TypeError: p",
    );
    const lost = await session.execute("Promise.reject(new Error('nobody')); 5");
    expect([resultText(lost), streamText(lost, "stderr")]).toEqual(["5", expect.stringContaining("Error: nobody")]);
    expect((await failed("const f: any = 3; f()")).evalue).toBe("f is not a function");
  });
});

describe("output", () => {
  it("arrives whole, in few messages", async () => {
    const exchange = await session.execute("for (let i = 0; i < 100_000; i++) console.log(i); 'end'");
    const lines = streamText(exchange).split("\n");
    expect([lines.length, lines[99_999], resultText(exchange)]).toEqual([100_001, "99999", "'end'"]);
    expect(exchange.published.length).toBeLessThan(1000);
  });

  it("keeps its order between the streams, displays, other programs and native code", async () => {
    const exchange = await session.execute(
      [
        "const { execSync } = require('node:child_process'); const { writeSync } = require('node:fs');",
        "for (let i = 0; i < 20; i++) {",
        "  console.log('a' + i); console.error('b' + i); display(i);",
        "  execSync('echo c; echo d >&2', { stdio: 'inherit' }); writeSync(1, 'e\\n'); display('f');",
        "}",
      ].join("\n"),
    );
    const seen = exchange.published.flatMap(({ header, content }) => {
      if (header.msg_type === "stream") return String(content["text"]).trim().split("\n");
      if (header.msg_type === "display_data")
        return [String((content["data"] as Record<string, string>)["text/plain"])];
      return [];
    });
    // two pipes that other programs write to have no order between them: "d" stands somewhere before "f"
    const ordered = seen.filter((one) => one !== "d");
    const expected = Array.from({ length: 20 }, (_, i) => [`a${i}`, `b${i}`, String(i), "c", "e", "'f'"]);
    expect(ordered).toEqual(expected.flat());
    const perTurn = seen.join(" ").split("'f'").slice(0, 20);
    expect(perTurn.map((turn) => turn.split(" ").filter((one) => one === "d").length)).toEqual(Array(20).fill(1));
  });

  it("of 50 MB of displays arrives", async () => {
    const exchange = await session.execute(
      "for (let i = 0; i < 50; i++) display({ toMime: () => ({ 'text/x': 'x'.repeat(1_000_000) }) })",
    );
    const sizes = exchange.published.map(
      ({ content }) => String((content["data"] as Record<string, string> | undefined)?.["text/x"] ?? "").length,
    );
    expect(sizes.filter((size) => size === 1_000_000)).toHaveLength(50);
  });
});

describe("a cell that would end it all", () => {
  const stop = async (code: string): Promise<{ ename: string; ms: number }> => {
    const running = session.execute(`console.log('on');\n${code}`);
    await expect
      .poll(
        () =>
          session.all.some(
            ({ parent, content }) => content["text"] === "on\n" && parent.msg_id === session.all.at(-1)?.parent.msg_id,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await pause(300);
    const begun = performance.now();
    await session.request("interrupt_request", {}, "control");
    const { ename } = errorOf(await running);
    return { ename, ms: performance.now() - begun };
  };

  it.each([
    ["a loop", "while (true) {}"],
    ["a loop after an await", "await new Promise((next) => setTimeout(next, 10)); for (;;) {}"],
    ["an endless wait", "await new Promise(() => undefined)"],
    ["native code", "/^(a+)+$/.test('a'.repeat(40) + 'b')"],
    ["a function of an earlier cell that loops, after an await", "await null; endless()"],
    ["functions that call each other without a loop, after an await", "await null; fibonacci(90)"],
    ["a loop that goes on whatever is thrown", "await null; for (;;) { try { endless(); } catch {} }"],
  ])("is interrupted in %s, and its variables stay", async (_name, code) => {
    await session.execute(
      "const stays = 'here'; function endless() { for (;;); } const fibonacci = (n: number): number => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2))",
    );
    const { ename, ms } = await stop(code);
    expect([ename, await value("stays")]).toEqual(["Interrupted", "'here'"]);
    expect(ms).toBeLessThan(3000);
  });

  it("is interrupted once: it tidies up, what it started ends, and its functions work in later cells", async () => {
    const { ename } = await stop(
      `let turns = 0;
const work = (times: number) => { let sum = 0; for (let i = 0; i < times; i++) sum += i; return sum; };
async function goOn() { for (;;) { turns += work(2); await new Promise((next) => setTimeout(next, 10)); } }
void goOn().catch(() => undefined);
await null;
try { for (;;) work(10); } finally { console.log("tidied", work(4)); }`,
    );
    expect(ename).toBe("Interrupted");
    expect(session.all.some(({ content }) => content["text"] === "tidied 6\n")).toBe(true);
    await pause(1500);
    expect(
      await value("const before = turns; await new Promise((next) => setTimeout(next, 200)); turns - before"),
    ).toBe("0");
    expect(await value("void goOn(); await new Promise((next) => setTimeout(next, 200)); turns - before > 2")).toBe(
      "true",
    );
  });

  it("is interrupted in native code after an await by losing its process, which is said", async () => {
    const { ename } = await stop(
      "await null; await new Promise((next) => setTimeout(next, 10)); /^(a+)+$/.test('a'.repeat(50) + 'b')",
    );
    expect([ename, await value("1 + 1")]).toEqual(["Interrupted", "2"]);
    expect((await failed("stays")).evalue).toContain("TS2304");
  });

  it("is interrupted while it waits for another program, which ends", async () => {
    await session.execute("const stays = 'here'; import { execSync } from 'node:child_process';");
    const { ms } = await stop("await null; execSync('sleep 60')");
    expect(await value("stays")).toBe("'here'");
    expect(ms).toBeLessThan(3000);
  });

  it("fails and keeps the variables when it calls process.exit", async () => {
    await session.execute("const stays = 1");
    expect((await failed("process.exit(3)")).ename).toBe("ProcessExit");
    expect(await value("stays")).toBe("1");
  });

  it.each([
    ["process.abort()", "CellProcessEnded"],
    ["const big: number[][] = []; while (true) big.push(new Array(1e6).fill(0.5));", "OutOfMemory"],
  ])("%s ends the cell and not the kernel", async (code, ename) => {
    const error = await failed(code);
    expect([error.ename, error.evalue]).toEqual([ename, expect.stringContaining("all variables are gone")]);
    expect(await value("1 + 1")).toBe("2");
  });
});
