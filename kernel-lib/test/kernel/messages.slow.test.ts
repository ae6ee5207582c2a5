import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { repositoryRoot } from "../../src/base/paths";
import { createRandom } from "../../src/base/random";
import { createMessage, encodeMessage, type MessageContent } from "../../src/kernel/message";
import { contentOf, KernelSession, pause, resultText, streamText } from "../helpers/kernel-session";

const root = repositoryRoot();
let folder: string;
let session: KernelSession;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kernel-messages-"));
  session = await KernelSession.start(root, folder);
  await session.execute("1");
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("requests", () => {
  it("tell what the kernel is, what was run, and which comms are open", async () => {
    const info = (await session.request("kernel_info_request")).reply.content;
    expect(info).toMatchObject({
      protocol_version: "5.4",
      implementation: "kernel-lib",
      language_info: { name: "typescript" },
    });
    await session.execute("const a = 1; 'kept'");
    const { history } = (
      await session.request("history_request", { hist_access_type: "tail", n: 1, output: false, raw: true })
    ).reply.content;
    expect(history).toEqual([[expect.any(Number), expect.any(Number), "const a = 1; 'kept'"]]);
    expect((await session.request("comm_info_request")).reply.content).toEqual({ status: "ok", comms: {} });
  });

  it("are answered while a cell runs, on both channels", async () => {
    const running = session.execute("await new Promise((done) => setTimeout(done, 3000))");
    await pause(300);
    const begun = performance.now();
    expect((await session.request("kernel_info_request", {}, "control")).reply.content["status"]).toBe("ok");
    const completed = await session.request("complete_request", { code: "consol", cursor_pos: 6 });
    expect(completed.reply.content["matches"]).toContain("console");
    expect(performance.now() - begun).toBeLessThan(2500);
    expect((await running).reply.content["status"]).toBe("ok");
  });

  it("complete and explain with the types of earlier cells", async () => {
    await session.execute(
      "/** Adds. */ function plus(left: number, right: number) { return left + right } const box = { inner: { deep: 1 } };",
    );
    const { matches, metadata } = (await session.request("complete_request", { code: "box.inner.", cursor_pos: 10 }))
      .reply.content;
    expect([matches, metadata]).toEqual([
      ["deep"],
      { _jupyter_types_experimental: [{ start: 10, end: 10, text: "deep", type: "field" }] },
    ]);
    const inspected = (await session.request("inspect_request", { code: "plus(1, 2)", cursor_pos: 2, detail_level: 0 }))
      .reply.content;
    expect((inspected["data"] as Record<string, string>)["text/markdown"]).toContain("Adds.");
    const inCall = (await session.request("inspect_request", { code: "plus(", cursor_pos: 5, detail_level: 0 })).reply
      .content;
    expect((inCall["data"] as Record<string, string>)["text/plain"]).toContain("left: number");
  });

  it("complete the columns of the tables that have a name, while a cell runs too, and forget them with their values", async () => {
    const complete = async (code: string) => (await session.request("complete_request", { code })).reply.content;
    const offered = async (code: string): Promise<unknown> => (await complete(code))["matches"];
    await session.execute(
      "import * as aq from 'arquero'; const people = aq.table({ name: ['a'], age: [1] }); let frame = { columns: ['x', 'y'], head() {}, print() {} }",
    );
    const running = session.execute("await new Promise((done) => setTimeout(done, 2000))");
    expect(await complete('people.get("a')).toMatchObject({ matches: ["age"], cursor_start: 12, cursor_end: 13 });
    expect(await offered("people.filter((d) => d.")).toEqual(["name", "age"]);
    expect(await offered('frame["')).toEqual(["x", "y"]);
    await running;
    await session.execute("frame = null as never; process.kill(process.pid, 'SIGKILL')");
    expect(await offered('people.get("a')).not.toContain("age");
  });

  it("complete the columns of tables inside of objects, words that a type allows, and names of files", async () => {
    const offered = async (code: string): Promise<unknown> =>
      (await session.request("complete_request", { code })).reply.content["matches"];
    mkdirSync(join(folder, "measured"));
    writeFileSync(join(folder, "measured", "first.csv"), "");
    await session.execute(
      [
        "import * as aq from 'arquero'; const inner = aq.table({ a: [1], b: [2] });",
        "class Study { rows = inner; get danger(): never { throw new Error('asked') } }",
        "const o = { t: inner, study: new Study(), list: [inner] };",
        "function run(kind: 'fast' | 'slow', options?: { level: 'low' | 'high' }) {}",
      ].join("\n"),
    );
    expect(await offered('o.t.get("')).toEqual(["a", "b"]);
    expect(await offered('o.study.rows.groupby("')).toEqual(["a", "b"]);
    expect(await offered("o.list[0].filter((d) => d.")).toEqual(["a", "b"]);
    expect(await offered('run("')).toEqual(["fast", "slow"]);
    expect(await offered('run("fast", { level: "l')).toEqual(["low"]);
    expect(await offered('readFileSync("mea')).toEqual(["measured/"]);
    expect(await offered("open('./measured/f")).toEqual(["first.csv"]);
    expect(await offered('log("no such')).toEqual([]);
  });

  it("may be silent, leave no history, and ask for expressions", async () => {
    const count = (await session.execute("1")).reply.content["execution_count"] as number;
    const silent = await session.execute("console.log('heard'); 5", { silent: true, store_history: false });
    expect([streamText(silent), resultText(silent), contentOf(silent, "execute_input")]).toEqual([
      "heard\n",
      undefined,
      undefined,
    ]);
    const wanted = { twice: "q * 2", wrong: "nowhere()", cut: "1 +" };
    const asked = await session.execute("const q = 4", { user_expressions: wanted });
    expect(asked.reply.content).toMatchObject({
      execution_count: count + 1,
      user_expressions: {
        twice: { status: "ok", data: { "text/plain": "8" } },
        wrong: { status: "error", ename: "ReferenceError" },
        cut: { status: "error", traceback: ["SyntaxError: Expression expected"] },
      },
    });
  });

  it("ask the user, by prompt and by kernel.input, and fail where nobody is", async () => {
    session.onInput = (prompt) => `${prompt}Ada`;
    expect(resultText(await session.execute("prompt('who? ')"))).toBe("'who? Ada'");
    expect(resultText(await session.execute("import { input } from 'kernel-lib'; await input('now? ')"))).toBe(
      "'now? Ada'",
    );
    expect(resultText(await session.execute("process.stdin.read(); prompt('still? ')"))).toBe("'still? Ada'");
    const refused = await session.execute("prompt('x')", { allow_stdin: false });
    expect(refused.reply.content["ename"]).toBe("InputNotAllowed");
  });

  it("about widgets: a front end that draws them is noticed, a comm that nobody answers is closed", async () => {
    const cell = [
      "import { notebookControl, widgets } from 'kernel-lib';",
      "for (const done of [1, 2]) notebookControl().onProgress?.({ stage: 's', done, total: 2 });",
    ].join("\n");
    const views = async (): Promise<boolean[]> =>
      (await session.execute(cell)).published
        .filter(({ header }) => header.msg_type === "display_data")
        .map(({ content }) => "application/vnd.jupyter.widget-view+json" in (content["data"] as object));
    expect(await views()).toEqual([false, false]);
    const open = { comm_id: "front", target_name: "jupyter.widget.control", data: {} };
    await session.sockets.send("shell", createMessage("comm_open", open, "test-session"));
    expect(await views()).toEqual([true, false]);
    await session.sockets.send(
      "shell",
      createMessage("comm_open", { ...open, comm_id: "x", target_name: "nobody" }, "test-session"),
    );
    const closed = (): boolean =>
      session.all.some(({ header, content }) => header.msg_type === "comm_close" && content["comm_id"] === "x");
    await expect.poll(closed).toBe(true);
  });

  it("to widgets are stopped by an interrupt too, and never take the output of the cell that runs", async () => {
    await session.execute(
      "const endless = widgets.button('go', () => { while (true) {} }); const still = 'here'; endless.model.id",
    );
    const id = resultText(await session.execute("endless.model.id"))!.slice(1, -1);
    const say = async (comm: string): Promise<string> => {
      const content = { comm_id: comm, data: { method: "custom", content: { event: "click" } } };
      const message = createMessage("comm_msg", content, "test-session");
      await session.sockets.send("shell", message);
      return message.header.msg_id;
    };
    const clicked = await say(id);
    await pause(500);
    await session.request("interrupt_request", {}, "control");
    const heard = () => session.all.filter(({ parent }) => parent.msg_id === clicked).map(({ content }) => content);
    const isDone = (): boolean => heard().some((content) => content["execution_state"] === "idle");
    await expect.poll(isDone, { timeout: 20_000 }).toBe(true);
    expect(heard().map((content) => content["text"])).toContainEqual(expect.stringContaining("Interrupted"));
    const running = session.execute("await new Promise((next) => setTimeout(next, 3000)); console.log(still)");
    await pause(300);
    for (let i = 0; i < 1100; i++) await say("nobody");
    expect(streamText(await running)).toBe("here\n");
  });

  it("of somebody who takes leave end a console, unless a cell gave the word another meaning", async () => {
    const { payload } = (await session.execute("exit")).reply.content;
    expect(payload).toEqual([{ source: "ask_exit", keepkernel: false }]);
    await session.execute("const quit = 5");
    expect(resultText(await session.execute("quit"))).toBe("5");
  });

  it("that wait behind a failing cell are aborted, unless the failing one says otherwise", async () => {
    const statuses = async (stop: boolean): Promise<unknown[]> => {
      const all = ["throw new Error('x')", "1", "2"].map((code) => session.execute(code, { stop_on_error: stop }));
      const replies = (await Promise.all(all)).map(({ reply }) => reply.content);
      // a front end would write the count beside a cell that never ran
      expect(replies.filter(({ status }) => status === "aborted").every((one) => !("execution_count" in one))).toBe(
        true,
      );
      return replies.map(({ status }) => status);
    };
    expect(await statuses(true)).toEqual(["error", "aborted", "aborted"]);
    expect(await statuses(false)).toEqual(["error", "ok", "ok"]);
    expect(resultText(await session.execute("3"))).toBe("3");
  });

  it("that come one after the other behind a failing cell are aborted together", async () => {
    const all = [session.execute("throw new Error('x')")];
    for (let i = 0; i < 10; i++) {
      await pause(20);
      all.push(session.execute("globalThis.ranBehind = true"));
    }
    const statuses = (await Promise.all(all)).map(({ reply }) => reply.content["status"]);
    expect(statuses).toEqual(["error", ...Array.from({ length: 10 }, () => "aborted")]);
    expect(resultText(await session.execute("'ranBehind' in globalThis"))).toBe("false");
  });

  it("change how type errors are treated", async () => {
    const warned = await session.execute("import { setTypeErrors } from 'kernel-lib'; setTypeErrors('warn')");
    expect(warned.reply.content["status"]).toBe("ok");
    const run = await session.execute("const text: string = 5; text");
    expect([resultText(run), streamText(run, "stderr")]).toEqual(["5", expect.stringContaining("TS2322")]);
    await session.execute("setTypeErrors('block')");
    expect((await session.execute("const text: string = 5; text")).reply.content["status"]).toBe("error");
  });
});

describe("messages of others", () => {
  const random = createRandom(4);

  /** A request with one thing changed, signed for what it was. */
  function mutate(frames: Buffer[]): Buffer[] {
    const copy = frames.map((frame) => Buffer.from(frame));
    const at = random.integer(copy.length);
    const kind = random.integer(4);
    if (kind === 0) copy.splice(at, 1);
    else if (kind === 1) copy[at] = Buffer.from(Array.from({ length: random.integer(200) }, () => random.integer(256)));
    else if (kind === 2) copy.splice(at, 0, Buffer.from("x"));
    else if (copy[at]!.length > 0) copy[at]![random.integer(copy[at]!.length)]! ^= 1 + random.integer(255);
    return copy;
  }

  it("that are damaged or not signed run nothing and end nothing; odd contents are answered or ignored", {
    timeout: 300_000,
  }, async () => {
    const { ip, shell_port: shell, control_port: control, stdin_port: stdin, key } = session.connection;
    const textless = { toString: 1 };
    /** Of what is nested so deep, some is read but cannot be handed on by every way. */
    const nested = (depth: number): MessageContent =>
      JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`) as MessageContent;
    const content = { code: "globalThis.hits = (globalThis.hits ?? 0) + 1", silent: false };
    for (const port of [shell, control, stdin]) {
      const socket = new Dealer({ linger: 0 });
      socket.connect(`tcp://${ip}:${port}`);
      for (let i = 0; i < 4000; i++) {
        const frames = mutate(encodeMessage(createMessage("execute_request", content, "other"), "not the key"));
        await socket.send(frames.length === 0 ? [Buffer.alloc(0)] : frames);
      }
      const odd: MessageContent[] = [
        {},
        { code: null },
        { code: 5 },
        { code: [] },
        { code: "1", user_expressions: 3 },
        { cursor_pos: -5, code: "1" },
        { cursor_pos: "x" },
        { code: textless, comm_id: textless, target_name: textless, value: textless, n: textless },
        nested(4000),
      ];
      for (const type of [
        "execute_request",
        "complete_request",
        "inspect_request",
        "is_complete_request",
        "history_request",
        "comm_msg",
        "comm_open",
        "input_reply",
        "nothing_request",
      ])
        for (const each of odd) await socket.send(encodeMessage(createMessage(type, each, "other"), key));
      await pause(500);
      socket.close();
    }
    expect(resultText(await session.execute("typeof (globalThis as any).hits"))).toBe("'undefined'");
  });
});
