// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are cells, in which templates are meant
/**
 * Idioms of ordinary TypeScript and JavaScript cells: what is run, and the expression the cell ends with. As a module, compiled by
 * tsc and run by Node, each must give the same (idioms.slow.test.ts). Nothing here depends on another one.
 */
export type Idiom = readonly [name: string, code: string, last: string];

export const IDIOMS: readonly Idiom[] = [
  // declarations
  [
    "object destructuring with defaults and a rest",
    "const { a, b = 2, ...rest } = { a: 1, c: 3, d: 4 } as { a: number; b?: number; c: number; d: number };",
    "[a, b, rest]",
  ],
  [
    "array destructuring with holes",
    "const [first, , third = 9, ...others] = [1, 2, 3, 4, 5];",
    "[first, third, others]",
  ],
  [
    "nested destructuring with new names",
    "const { p: { q: [deep] }, ['k1']: computed } = { p: { q: ['x'] }, k1: 7 };",
    "[deep, computed]",
  ],
  ["swap by destructuring", "let left = 1, right = 2;\n[left, right] = [right, left];", "[left, right]"],
  [
    "assignment to members by destructuring",
    "const holder: { x?: number; y?: number } = {};\n({ x: holder.x, y: holder.y } = { x: 1, y: 2 });",
    "holder",
  ],
  ["var in a block is hoisted", "if (true) { var hoisted = 5; }", "hoisted"],
  ["var without a value", "var unset: number | undefined;", "unset"],
  ["var in a loop head", "for (var i = 0; i < 3; i++) {}", "i"],
  ["function before its declaration", "const early = twice(4);\nfunction twice(n: number) { return 2 * n; }", "early"],
  [
    "closures of a loop with let",
    "const fns: (() => number)[] = [];\nfor (let k = 0; k < 3; k++) fns.push(() => k);",
    "fns.map((f) => f())",
  ],
  [
    "closures of a loop with var",
    "const vars: (() => number)[] = [];\nfor (var v = 0; v < 3; v++) vars.push(() => v);",
    "vars.map((f) => f())",
  ],
  ["block scope shadows the top", "let seen = 'outer';\n{ let seen = 'inner'; seen.length; }", "seen"],
  [
    "names of functions and classes",
    "const arrow = () => 1; const fn = function () {}; const K = class {}; let late = () => 2; late = () => 3;",
    "[arrow.name, fn.name, K.name, late.name]",
  ],
  ["a variable called name, event or status", "const name = 'n', event = 'e', status = 's';", "[name, event, status]"],
  [
    "contextual keywords as names",
    "let type = 1, of = 2, as = 3, from = 4, get = 5, async = 6;",
    "type + of + as + from + get + async",
  ],
  ["unicode names", "const größe = 3, π = 3.14, 名前 = 'x';", "[größe, π, 名前]"],
  // functions
  [
    "overloads",
    "function pick(x: number): number;\nfunction pick(x: string): string;\nfunction pick(x: unknown) { return x; }",
    "[pick(1), pick('a')]",
  ],
  [
    "default parameters that use each other",
    "const area = (w: number, h = w, unit = `${w}x${h}`) => [w * h, unit];",
    "area(3)",
  ],
  [
    "rest and spread",
    "const sum = (...n: number[]) => n.reduce((a, b) => a + b, 0);",
    "sum(...[1, 2], ...new Set([3, 4]))",
  ],
  [
    "arguments of a function",
    "function count() { return arguments.length; }",
    "(count as (...all: number[]) => number)(1, 2, 3)",
  ],
  [
    "currying with generics",
    "const curry = <A, B, C>(f: (a: A, b: B) => C) => (a: A) => (b: B) => f(a, b);",
    "curry((a: number, b: string) => b.repeat(a))(3)('x')",
  ],
  ["recursion by name", "const fact = (n: number): number => (n < 2 ? 1 : n * fact(n - 1));", "fact(10)"],
  ["immediately invoked function", "const once = (function () { let c = 0; return () => ++c; })();\nonce();", "once()"],
  [
    "immediately invoked arrow, async",
    "const waited = await (async () => { await null; return 'later'; })();",
    "waited",
  ],
  [
    "this of a method and of a call",
    "const counter = { n: 1, get() { return this.n; } };\nconst loose = counter.get;",
    "[counter.get(), (() => { try { return loose(); } catch (e) { return (e as Error).name; } })()]",
  ],
  [
    "bind, call, apply",
    "function greet(this: { who: string }, mark: string) { return this.who + mark; }",
    "[greet.call({ who: 'a' }, '!'), greet.apply({ who: 'b' }, ['?']), greet.bind({ who: 'c' })('.')]",
  ],
  [
    "assertion function",
    "function assertText(x: unknown): asserts x is string { if (typeof x !== 'string') throw new TypeError('no text'); }\nconst given: unknown = 'abc';\nassertText(given);",
    "given.length",
  ],
  [
    "type guard",
    "const isNumber = (x: unknown): x is number => typeof x === 'number';\nconst mixed: unknown[] = [1, 'a', 2];",
    "mixed.filter(isNumber).map((n) => n * 2)",
  ],
  [
    "generator",
    "function* steps(n: number) { for (let i = 0; i < n; i++) yield i * i; return 'done'; }",
    "[[...steps(4)], steps(0).next()]",
  ],
  [
    "generator that delegates",
    "function* inner() { yield 1; return 'r'; }\nfunction* outer() { const r: string = yield* inner(); yield r; }",
    "[...outer()]",
  ],
  [
    "async generator",
    "async function* slowly() { for (const n of [1, 2, 3]) { await null; yield n; } }\nlet total = 0;\nfor await (const n of slowly()) total += n;",
    "total",
  ],
  [
    "tagged template",
    "const tag = (parts: TemplateStringsArray, ...values: unknown[]) => parts.raw.join('|') + values.join(',');",
    "tag`a\\n${1}b${2}`",
  ],
  // classes
  [
    "class with private fields and accessors",
    "class Box { #v = 1; static made = 0; constructor() { Box.made++; } get v() { return this.#v; } set v(x) { this.#v = x * 2; } }\nconst box = new Box();\nbox.v = 5;",
    "[box.v, Box.made, box]",
  ],
  [
    "inheritance and super",
    "class Animal { constructor(protected readonly kind: string) {} say() { return this.kind; } }\nclass Dog extends Animal { constructor() { super('dog'); } override say() { return super.say() + '!'; } }",
    "[new Dog().say(), new Dog() instanceof Animal, new Dog()]",
  ],
  [
    "abstract class and interface",
    "interface Shape { area(): number }\nabstract class Base implements Shape { abstract area(): number; twice() { return 2 * this.area(); } }\nclass Square extends Base { constructor(readonly s: number) { super(); } area() { return this.s ** 2; } }",
    "new Square(3).twice()",
  ],
  [
    "static block",
    "class Config { static readonly all: string[] = []; static { for (const n of ['a', 'b']) this.all.push(n); } }",
    "Config.all",
  ],
  [
    "class expression with a name",
    "const Named = class Inner { static own() { return Inner.name; } };",
    "[Named.own(), Named.name]",
  ],
  [
    "symbol iterator in a class",
    "class Range { constructor(private n: number) {} *[Symbol.iterator]() { for (let i = 0; i < this.n; i++) yield i; } }",
    "[...new Range(3)]",
  ],
  [
    "mixin",
    "type Ctor = new (...all: any[]) => object;\nconst Loud = <T extends Ctor>(B: T) => class extends B { shout() { return 'HEY'; } };\nclass Quiet {}",
    "new (Loud(Quiet))().shout()",
  ],
  [
    "private in and static private",
    "class Id { #id = 1; static #count = 2; static is(x: object) { return #id in x; } static get count() { return Id.#count; } }",
    "[Id.is(new Id()), Id.is({}), Id.count]",
  ],
  [
    "decorators of class and method",
    "const log: string[] = [];\nfunction traced<T extends (...all: never[]) => unknown>(f: T, context: ClassMethodDecoratorContext): T { log.push(String(context.name)); return f; }\nfunction sealed(c: Function, context: ClassDecoratorContext) { log.push(context.kind + c.name); }\n@sealed class Traced { @traced run() { return 1; } }\nnew Traced().run();",
    "log",
  ],
  ["auto-accessor", "class Acc { accessor n = 1; }\nconst acc = new Acc();\nacc.n += 4;", "acc.n"],
  [
    "parameter properties",
    "class Pt { constructor(public x = 1, private y = 2) {} sum() { return this.x + this.y; } }",
    "new Pt(5).sum()",
  ],
  [
    "error subclass",
    "class Failed extends Error { override name = 'Failed'; constructor(readonly code: number, options?: ErrorOptions) { super(`code ${code}`, options); } }\nlet told = '';\ntry { throw new Failed(3, { cause: 'why' }); } catch (e) { if (e instanceof Failed) told = `${e} ${e.cause} ${e.code}`; }",
    "told",
  ],
  [
    "object with getter, setter, symbol and method",
    "const s = Symbol('s');\nconst thing = { get g() { return 1; }, set g(v) {}, [s]: 2, async m() { return 3; }, *y() { yield 4; } };",
    "[thing.g, thing[s], await thing.m(), [...thing.y()], thing]",
  ],
  // types only
  [
    "interface that is merged",
    "interface Opts { a: number }\ninterface Opts { b: string }\nconst opts: Opts = { a: 1, b: 'x' };",
    "opts",
  ],
  [
    "discriminated union",
    "type Shape2 = { kind: 'c'; r: number } | { kind: 's'; w: number };\nconst size = (x: Shape2) => { switch (x.kind) { case 'c': return x.r; case 's': return x.w; } };",
    "size({ kind: 's', w: 4 })",
  ],
  [
    "satisfies",
    "const palette = { red: [255, 0, 0], green: '#0f0' } satisfies Record<string, string | number[]>;",
    "palette.green.toUpperCase()",
  ],
  [
    "as const",
    "const sizes = ['s', 'm', 'l'] as const;\ntype Size = (typeof sizes)[number];\nconst wanted: Size = 'm';",
    "sizes.indexOf(wanted)",
  ],
  [
    "mapped and conditional types",
    "type Nullable<T> = { [K in keyof T]: T[K] | null };\ntype Item<T> = T extends readonly (infer U)[] ? U : never;\nconst row: Nullable<{ a: number }> = { a: null };\nconst one: Item<string[]> = 'i';",
    "[row, one]",
  ],
  ["template literal types", "type Ev = `on${Capitalize<'click' | 'key'>}`;\nconst ev: Ev = 'onClick';", "ev"],
  [
    "const type parameters",
    "const keep = <const T,>(x: T) => x;\nconst kept = keep(['a', 1]);",
    "kept[0].toUpperCase()",
  ],
  [
    "non-null, as and unknown",
    "const found = [1, 2].find((n) => n > 1)!;\nconst odd = JSON.parse('{\"a\":[1]}') as { a: number[] };",
    "found + odd.a[0]!",
  ],
  [
    "enum, reverse and const",
    "enum Dir { Up, Down = 5, Left }\nconst enum Bit { A = 1 << 2 }\nenum Word { Yes = 'y' }",
    "[Dir.Left, Dir[5], Bit.A, Word.Yes, Dir]",
  ],
  [
    "namespace",
    "namespace Geo { export const unit = 2; export namespace Deep { export const f = (n: number) => n * unit; } }",
    "[Geo.Deep.f(4), Geo]",
  ],
  [
    "namespace merged with a function",
    "function lib() { return lib.version; }\nnamespace lib { export const version = '1.2'; }",
    "lib()",
  ],
  [
    "declare and ambient",
    "declare const nowhere: string;\ndeclare global { interface Array<T> { lastOne?(): T } }\nconst present = typeof nowhere;",
    "present",
  ],
  [
    "abstract constructor types and generics with defaults",
    "interface Store<K extends PropertyKey = string, V = number> { map: Record<K, V> }\nconst store: Store = { map: { a: 1 } };",
    "store",
  ],
  [
    "unique symbol and index signature",
    "const tagSymbol: unique symbol = Symbol('t');\nconst tagged: { [key: string]: number } & { [tagSymbol]?: string } = { z: 1 };\ntagged[tagSymbol] = 'x';",
    "tagged",
  ],
  // statements
  [
    "labelled loops",
    "const hits: string[] = [];\nouter: for (let a = 0; a < 3; a++) {\n  for (let b = 0; b < 3; b++) {\n    if (b === 2) continue outer;\n    if (a === 2) break outer;\n    hits.push(`${a}${b}`);\n  }\n}",
    "hits",
  ],
  ["labelled block", "let way = '';\ndone: { way += 'a'; if (way) break done; way += 'b'; }", "way"],
  [
    "do while with continue",
    "let n = 0, turns = 0;\ndo { turns++; if (n++ % 2) continue; } while (n < 5);",
    "[n, turns]",
  ],
  [
    "for in over an object",
    "const keys: string[] = [];\nfor (const key in { b: 1, a: 2, 1: 3 }) keys.push(key);",
    "keys",
  ],
  [
    "for of with entries and destructuring",
    "const pairs: string[] = [];\nfor (const [at, { v }] of [{ v: 'x' }, { v: 'y' }].entries()) pairs.push(at + v);",
    "pairs",
  ],
  ["for of into a member", "const slot: { last?: number } = {};\nfor (slot.last of [1, 2, 3]);", "slot"],
  ["loop without a body's braces", "let down = 5;\nwhile (down > 0) down--;\nfor (; down < 3; down++);", "down"],
  [
    "switch with fall-through",
    "const out: number[] = [];\nswitch (2 as number) { case 1: out.push(1); case 2: out.push(2); case 3: { const scoped = 3; out.push(scoped); break; } default: out.push(4); }",
    "out",
  ],
  [
    "try, catch without a name, finally",
    "const order: string[] = [];\nfunction attempt() { try { throw 1; } catch { order.push('c'); return 'r'; } finally { order.push('f'); } }\nconst got = attempt();",
    "[got, order]",
  ],
  [
    "if without braces around a declaration's use",
    "let mode;\nif (Math.PI > 3) mode = 'big'; else mode = 'small';",
    "mode",
  ],
  [
    "comma, void, delete, in",
    "const o: { a?: number; b?: number } = { a: 1, b: 2 };\ndelete o.a;\nconst comma = (delete o.a, 2);",
    "[comma, void 0, 'a' in o, o]",
  ],
  [
    "automatic semicolons",
    "let asi = 1\nlet more = asi\n+ 2\nconst list = [1]\n;[3].forEach((n) => list.push(n));",
    "[more, list]",
  ],
  [
    "comments everywhere",
    "/* a */ const /* b */ c1 /* c */ = /* d */ 1; // e\n/** doc */ let c2 = 2 /* f */",
    "c1 + c2 // tail",
  ],
  // expressions
  [
    "optional chaining and nullish",
    "const maybe: { a?: { b?: () => number } } | null = JSON.parse('{\"a\":{}}');",
    "[maybe?.a?.b?.() ?? 'none', maybe?.['a']]",
  ],
  [
    "logical assignment",
    "let la: number | null = null, lb = 0, lc = 1;\nla ??= 4; lb ||= 5; lc &&= 6;",
    "[la, lb, lc]",
  ],
  [
    "exponent, bigint and separators",
    "const big = 2n ** 64n, million = 1_000_000, hex = 0xff, oct = 0o17, bin = 0b101;",
    "[big, 2 ** 10, million, hex, oct, bin, -7 % 3]",
  ],
  [
    "number formats",
    "const text = (1234.5678).toFixed(2);",
    "[text, (0.1 + 0.2).toString(), 1e21, -0, NaN, Infinity, parseInt('12px', 10)]",
  ],
  [
    "template literals over lines",
    "const who = 'x';\nconst lines = `a\n  ${who.toUpperCase()} ${`in ${1 + 1}`}\n\\`;`;",
    "lines",
  ],
  [
    "regular expressions with flags",
    "const re = /(?<year>\\d{4})-(?<m>\\d\\d)/gu;\nconst all = [...'2024-01 2025-12'.matchAll(re)].map((m) => m.groups!['year']);",
    "[all, 'aBc'.replace(/b/i, (m) => `<${m}>`), /^.$/s.test('\\n'), /a/y.sticky, /[\\p{L}--[a-z]]/v.test('Ä')]",
  ],
  ["sequence of ternaries", "const grade = (n: number) => n > 8 ? 'a' : n > 5 ? 'b' : 'c';", "[9, 6, 1].map(grade)"],
  ["object literal as the last expression", "const x = 1, y = 2;", "({ x, y, sum() { return x + y; }, ['k' + x]: y })"],
  [
    "spread of objects and clones",
    "const base = { a: 1, n: { b: 2 } };\nconst copy = { ...base, a: 3 };\nconst deep = structuredClone(base);\ndeep.n.b = 9;",
    "[copy, base, deep]",
  ],
  [
    "symbols and toPrimitive",
    "const money = { [Symbol.toPrimitive]: (hint: string) => (hint === 'number' ? 5 : 'five') };",
    "[+money, `${money}`, Object(Symbol.iterator).description]",
  ],
  [
    "getters on prototypes",
    "const proto = { get double(): number { return 2 * (this as unknown as { n: number }).n; } };\nconst child = Object.create(proto, { n: { value: 4, enumerable: true } });",
    "[child.double, Object.keys(child)]",
  ],
  [
    "proxy and Reflect",
    "const reads: string[] = [];\nconst spy = new Proxy({ a: 1 }, { get: (t, k, r) => (reads.push(String(k)), Reflect.get(t, k, r)) });\nspy.a;",
    "reads",
  ],
  [
    "new target and in checks",
    "function Old(this: { made?: boolean }) { this.made = new.target !== undefined; }",
    "new (Old as unknown as new () => object)()",
  ],
  // collections
  [
    "chain of array methods",
    "const people = [{ n: 'b', a: 3 }, { n: 'a', a: 5 }, { n: 'c', a: 3 }];",
    "people.filter((p) => p.a < 5).map((p) => p.n).sort().concat('z').flatMap((v) => [v, v])",
  ],
  [
    "newer array methods",
    "const nums = [3, 1, 2];",
    "[nums.toSorted(), nums.toReversed(), nums.with(0, 9), nums.at(-1), nums.findLast((v) => v > 1), nums.toSpliced(1, 1)]",
  ],
  [
    "reduce into an object",
    "const tally = [...'hello'].reduce<Record<string, number>>((t, c) => ({ ...t, [c]: (t[c] ?? 0) + 1 }), {});",
    "tally",
  ],
  [
    "Map and Set",
    "const m = new Map([['a', 1], ['b', 2]]);\nconst set = new Set([1, 1, 2]);",
    "[[...m.entries()], Object.fromEntries(m), set.size, [...set].includes(2)]",
  ],
  [
    "WeakMap and Symbol keys",
    "const wm = new WeakMap<object, string>();\nconst keyObject = {};\nwm.set(keyObject, 'v');",
    "[wm.get(keyObject), wm.has({})]",
  ],
  [
    "typed arrays and DataView",
    "const bytes = new Uint8Array([1, 2, 3, 4]);\nconst view = new DataView(bytes.buffer);",
    "[view.getUint16(0), [...bytes.subarray(1, 3)], new Float32Array(2).length]",
  ],
  ["dates in UTC", "const day = new Date(Date.UTC(2024, 1, 29));", "[day.toISOString(), day.getUTCDay(), new Date(0)]"],
  [
    "JSON with a replacer and reviver",
    "const json = JSON.stringify({ a: 1n, b: undefined, c: new Date(0), d: [NaN] }, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));",
    "[json, JSON.parse('[1,2]', (k, v) => (k === '0' ? v + 10 : v))]",
  ],
  [
    "Intl",
    "const money2 = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' }).format(1234.5);",
    "money2",
  ],
  [
    "iterator protocol by hand",
    "const it = { i: 0, next() { return this.i < 2 ? { value: this.i++, done: false as const } : { value: undefined, done: true as const }; }, [Symbol.iterator]() { return this; } };",
    "[...it]",
  ],
  // waiting
  [
    "await in every position",
    "const p = (v: number) => Promise.resolve(v);\nconst obj = { a: await p(1), [`k${await p(2)}`]: [await p(3), ...(await Promise.all([p(4), p(5)]))] };\nlet w = 0;\nif (await p(1)) w += await p(10);\nfor (let i = await p(0); i < (await p(2)); i += await p(1)) w++;",
    "[obj, w, `${await p(6)}`, (await p(7)) ? await p(8) : 0]",
  ],
  [
    "Promise combinators",
    "const settled = await Promise.allSettled([Promise.resolve(1), Promise.reject(new Error('no'))]);\nconst any = await Promise.any([Promise.reject(0), Promise.resolve('any')]);",
    "[settled.map((one) => one.status), any, await Promise.race([Promise.resolve('first'), new Promise(() => {})])]",
  ],
  [
    "order of microtasks and timers",
    "const ticks: string[] = [];\nsetTimeout(() => ticks.push('timer'));\nPromise.resolve().then(() => ticks.push('micro'));\nqueueMicrotask(() => ticks.push('queued'));\nticks.push('now');\nawait new Promise((next) => setTimeout(next, 20));",
    "ticks",
  ],
  [
    "try around await, with finally",
    "const path: string[] = [];\ntry { await Promise.reject(new RangeError('far')); } catch (e: unknown) { path.push((e as Error).message); } finally { path.push('end'); }",
    "path",
  ],
  [
    "async iteration over a stream",
    "import { Readable } from 'node:stream';\nconst chunks: string[] = [];\nfor await (const chunk of Readable.from(['a', 'b'])) chunks.push(chunk);",
    "chunks",
  ],
  [
    "abort and events",
    "const control = new AbortController();\nconst told2: string[] = [];\ncontrol.signal.addEventListener('abort', () => told2.push('aborted'));\ncontrol.abort('why');",
    "[told2, control.signal.reason]",
  ],
  [
    "using",
    "const given2: string[] = [];\n{ using r = { [Symbol.dispose]() { given2.push('closed'); } }; given2.push(typeof r); }",
    "given2",
  ],
  [
    "await using",
    "const freed: string[] = [];\nawait (async () => { await using r = { async [Symbol.asyncDispose]() { freed.push('async'); } }; freed.push(typeof r); })();",
    "freed",
  ],
  [
    "callback made a promise",
    "import { promisify } from 'node:util';\nconst later = promisify((v: number, done: (error: Error | null, value: number) => void) => setTimeout(() => done(null, v + 1), 1));",
    "await later(1)",
  ],
  // modules
  [
    "imports of Node's modules in all forms",
    "import * as path from 'node:path';\nimport fs, { existsSync as there } from 'fs';\nimport { EventEmitter } from 'events';\nimport type { Stats } from 'node:fs';\nlet stats: Stats | undefined;",
    "[path.join('a', '..', 'b'), there === fs.existsSync, typeof EventEmitter, stats]",
  ],
  [
    "dynamic import",
    "const os = await import('node:os');\nconst { join } = await import('node:path');",
    "[typeof os.cpus, os.default === undefined, join('x', 'y')]",
  ],
  [
    "exports in a cell",
    "export const shared = 1;\nexport function helper() { return shared + 1; }\nexport class Kept {}\nexport type Alias = string;\nexport { shared as renamed };",
    "[helper(), Kept.name]",
  ],
  [
    "crypto, URL and text encoding",
    "import { createHash } from 'node:crypto';\nconst url = new URL('/p?q=1#h', 'http://h.test');",
    "[createHash('sha1').update('a').digest('hex'), url.searchParams.get('q'), new TextEncoder().encode('é')]",
  ],
  [
    "Buffer and base64",
    "const b64 = Buffer.from('héllo').toString('base64');",
    "[b64, atob('YQ=='), Buffer.from(b64, 'base64').toString()]",
  ],
  [
    "console of several kinds of values",
    "console.log('%s is %d', 'x', 5, { a: { b: { c: { d: 1 } } } });\nconsole.table([{ a: 1 }]);\nconsole.log([undefined, null], new Error('e').message);",
    "'said'",
  ],
  [
    "evaluation of strings",
    "const made = new Function('a', 'return a + 1')(1);\nconst evaled = (0, eval)('1 + 2');",
    "[made, evaled]",
  ],
  [
    "globalThis",
    "(globalThis as Record<string, unknown>)['idiom'] = 4;",
    "(globalThis as Record<string, unknown>)['idiom']",
  ],
  [
    "strict mode",
    "const frozen = Object.freeze({ a: 1 });\nlet refused = '';\ntry { (frozen as { a: number }).a = 2; } catch (e) { refused = (e as Error).name; }",
    "[refused, (function (this: unknown) { return this === undefined; })()]",
  ],
  // last: later cells of a session see it
  ["shadowing a global", "const Map = 'mine';\nconst process = { pid: 1 };", "[Map, process.pid]"],
];
