import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { KernelSession, pause } from "../helpers/kernel-session";

const MAX_GROWTH_MB = 8;
/** Processor time, which is the same on a busy machine, give or take. Reading a large package anew takes 200 ms and more. */
const MAX_COMPLETION_MS = 120;
const TICK_MS = 10;

/** Cells of ordinary kinds; `i` makes each one new. */
const KINDS: readonly ((i: number) => string)[] = [
  (i) => `const x${i % 7} = ${i}; let total = x${i % 7} + 1; total`,
  (i) => `function f(a: number): number { return a + ${i}; }\nf(${i})`,
  () => "import { readFileSync } from 'node:fs'; import * as path from 'node:path'; path.join('a', 'b')",
  (i) => `for (let k = 0; k < 20; k++) console.log(k, 'words of cell ${i}');`,
  (i) => `display({ a: ${i}, b: [1, 2, 3] }); display('text ${i}')`,
  (i) => `import { table } from 'arquero'; const rows = table({ v: [1, 2, ${i}], w: ['a', 'b', 'c'] }); rows`,
  (i) =>
    `class Point { constructor(public x: number, public y = ${i}) {} norm() { return Math.hypot(this.x, this.y) } }`,
  (i) => `interface Row { a: number }\nconst list: Row[] = [{ a: ${i} }, { a: 2 }]; list.map((row) => row.a)`,
  (i) => `await new Promise((next) => setTimeout(next, 1)); new Map([[1, 'a'], [2, '${i}']])`,
  (i) => `const later${i % 5} = async () => ${i}; await later${i % 5}()`,
];

const root = repositoryRoot();
let folder: string;
let session: KernelSession;
let pids: Readonly<Record<"sockets" | "cells" | "compiler", number>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "busy-session-"));
  session = await KernelSession.start(root, folder);
  const sockets = session.process.pid!;
  const children = readFileSync(`/proc/${sockets}/task/${sockets}/children`, "utf8").trim().split(" ").map(Number);
  const isCompiler = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--lsp");
  const cells = children.find((pid) => !isCompiler(pid))!;
  pids = { sockets, cells, compiler: children.find(isCompiler)! };
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

const memoryMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

/** Processor time the compiler has taken so far. */
function compilerMs(): number {
  const fields = readFileSync(`/proc/${pids.compiler}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Waits until the compiler has nothing left to prepare. */
async function untilPrepared(): Promise<void> {
  for (let before = -1, same = 0; same < 4; await pause(500)) {
    const now = compilerMs();
    [before, same] = [now, now === before ? same + 1 : 0];
  }
}

describe.skipIf(process.platform !== "linux")("a session of many cells", () => {
  it("takes no more memory after 500 cells than after 100, in any of the three processes", async () => {
    const sizes = [];
    for (let i = 1; i <= 500; i++) {
      await session.execute(KINDS[i % KINDS.length]!(i));
      if (i !== 100 && i !== 500) continue;
      await untilPrepared();
      sizes.push(Object.values(pids).map(memoryMb));
    }
    const [before, after] = sizes as [number[], number[]];
    const growth = Object.keys(pids).map((name, i) => [name, after[i]! - before[i]!] as const);
    expect(growth.filter(([, mb]) => mb >= MAX_GROWTH_MB)).toEqual([]);
  }, 900_000);

  it("completes without reading packages anew, also after a cell that mentions none of them", async () => {
    await session.execute(
      "import * as kernel from 'kernel-lib'; const random = kernel.createRandom(1); rows.numRows()",
    );
    await session.execute("const alone = 1");
    await untilPrepared();
    await session.execute("1 + 1");
    for (const code of ["con", "kernel.", "rows.", "random.", "alone.", "kernel.widgets."]) {
      const begun = compilerMs();
      const { reply } = await session.request("complete_request", { code, cursor_pos: code.length });
      expect((reply.content["matches"] as string[]).length).toBeGreaterThan(0);
      expect(reply.content["matches"]).not.toContain("$session");
      expect([code, compilerMs() - begun < MAX_COMPLETION_MS]).toEqual([code, true]);
    }
  }, 300_000);
});
