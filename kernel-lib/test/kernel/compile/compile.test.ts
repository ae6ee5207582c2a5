import { Script } from "node:vm";
import { describe, expect, it, test } from "vitest";
import { CellSyntaxError, compile } from "../../../src/kernel/compile/compile";

type Run = (names: object, tools: object) => Promise<{ value: unknown } | undefined>;
const runnable = (code: string): Run => new Script(code).runInThisContext() as Run;
const isGlobal = (name: string): boolean => name in globalThis;
const compiled = (source: string, known: string[] = []) => compile(source, { known: new Set(known), isGlobal });

/** Runs cells one after the other on one object of names; gives the last one's value. */
async function runAll(...sources: string[]): Promise<unknown> {
  const names: Record<string, unknown> = {};
  let last: { value: unknown } | undefined;
  const tools = {
    stop: new Int32Array(1),
    now: new Int32Array(1),
    ever: new Int32Array(1),
    meta: { url: "file:///cell.ts" },
    use: (value: unknown) => value,
    load: async (specifier: string, wanted: [string, string][]) => {
      for (const [local, name] of wanted) names[local] = `${specifier}:${name}`;
    },
    import: async (specifier: string) => specifier,
  };
  for (const source of sources) {
    const run = runnable(compiled(source, Object.keys(names)).code);
    last = await run(names, tools);
  }
  return last?.value;
}

describe("a compiled cell", () => {
  test.each<[string[], unknown]>([
    [["1 + 1"], 2],
    [["const x = 1; let y = 2; var z = 3;", "x + y + z"], 6],
    [["let n = 1;", "n += 1; n++; n"], 3],
    [["namespace N { export const v = 6 }\nN.v"], 6],
    [["5; var unset;"], 5],
    [["import type { Stats } from 'node:fs'; let s: Stats | number = 8; s"], 8],
    [
      ["const { a, b: [c, ...d], ...e } = { a: 1, b: [2, 3, 4], f: 5 };", "({ a, c, d, e })"],
      { a: 1, c: 2, d: [3, 4], e: { f: 5 } },
    ],
    [["let a = 1, b = 2; [a, b] = [b, a]; ({ a, b: b = 3 } = { a: 7 }); [a, b]"], [7, 3]],
    [
      ["for (var i = 0; i < 3; i++) { var inner = i; } for (var k in { p: 1 }) {}", "[i, inner, k]"],
      [3, 2, "p"],
    ],
    [["function f() { return g(); }\nfunction g() { return 1; }", "function g() { return 2; }", "f()"], 2],
    [["class A { self() { return A; } } class B extends A {}", "new B().self() === A"], true],
    [
      ["enum E { X = 4, Y } namespace N { export const v = 6 }", "[E.Y, E[4], N.v]"],
      [5, "X", 6],
    ],
    [
      ["enum E { A, B }", "enum E { B }\nObject.keys(E)"],
      ["0", "B"],
    ],
    [["const N = 5", "namespace N { export const a = 1 } namespace N { export const b = 2 }\nN"], { a: 1, b: 2 }],
    [
      ["namespace N { export const a = 1 }", "function N() {} namespace N { export const b = 2 }\nObject.keys(N)"],
      ["b"],
    ],
    [
      ["const f = () => 1; const { g = function () {} } = {} as any; let h; h = class {};", "[f.name, h.name]"],
      ["f", "h"],
    ],
    [["const d = await (await Promise.resolve({ json: async () => 5 })).json(); d"], 5],
    [["await `x`"], "x"],
    [["await [Promise.resolve(3)][0]"], 3],
    [["const seen: number[] = []; for await (const v of [1, Promise.resolve(2)]) seen.push(v); seen"], [1, 2]],
    [["const x = 1; { const x = 2; } ((x: number) => x)(3); try { throw 4 } catch (x) {} x"], 1],
    [["typeof nowhere"], "undefined"],
    [["const performance = 3;", "performance + 1"], 4],
    [["export const p = 1; export default p + 1; export { p as q };", "p"], 1],
    [
      ["import d, { a as b, type T } from 'm'; import * as n from 'k';", "[d, b, n]"],
      ["m:default", "m:a", "k:*"],
    ],
    [["await import('x')"], "x"],
    [["import.meta.url"], "file:///cell.ts"],
    [["function f() { return arguments.length; } f(1, 2)"], 2],
    [["using a = { v: 1 } as any; a.v"], 1],
    [["const t = (s: TemplateStringsArray) => s[0]; t`hi`"], "hi"],
    [["label: for (;;) { break label; } 'left'"], "left"],
    [["const x = 1"], undefined],
    [[""], undefined],
  ])("%j gives %j", async (sources, value) => {
    expect(await runAll(...sources)).toEqual(value);
  });

  it("keeps what it had declared when it throws", async () => {
    const names: Record<string, unknown> = {};
    const run = runnable(compiled("const a = 1; throw new Error('x'); const b = 2;").code);
    await expect(run(names, { stop: [0] })).rejects.toThrow("x");
    expect(names).toEqual({ a: 1 });
  });

  it("looks in every turn of a loop whether it is to stop", async () => {
    for (const loop of ["while (true) {}", "for (;;) n++;", "do n++; while (true)", "for (const x of [1]) ;"]) {
      const run = runnable(compiled(`let n = 0; ${loop}`).code);
      const interrupt = (): never => {
        throw new Error("stopped");
      };
      await expect(run({}, { stop: [1], interrupt })).rejects.toThrow("stopped");
    }
  });

  it("names places as the user wrote them, through types, patterns and rewritten names", () => {
    const source =
      'const é = "ü" as string;\ninterface A { b: number }\nconst { length }: { length: number } = é, z = broken.call(length);';
    const { code, map } = compiled(source, ["broken"]);
    const at = code.indexOf(".call");
    const line = code.slice(0, at).split("\n").length - 1;
    const column = at - code.lastIndexOf("\n", at) - 1;
    const original = source.split("\n")[2]!.indexOf(".call");
    expect(map({ line, column: column + 1 })).toEqual({ line: 2, column: original + 1 });
  });

  it("is refused with the place where it stops being TypeScript", () => {
    const attempt = (): unknown => compiled("const a = 1;\nconst x = ;");
    expect(attempt).toThrow(CellSyntaxError);
    expect(attempt).toThrow(expect.objectContaining({ line: 2, column: 11, message: "Expression expected" }));
  });
});
