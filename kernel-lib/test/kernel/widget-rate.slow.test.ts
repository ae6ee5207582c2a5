import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { createMessage, type KernelMessage } from "../../src/kernel/message";
import { KernelSession, pause, resultText } from "../helpers/kernel-session";

const SECONDS = 10;
const PER_SECOND = 1000;
/** The listener takes this long, without using the processor: for all that is sent it would take more than three minutes. */
const LISTENER_MS = 20;
/** A queue of all would make the last one wait for those minutes; a busy machine makes it wait for seconds. */
const MAX_LAG_MS = 60_000;
const MAX_GROWTH_MB = 150;
/** A model tells of its changes fifty times a second at most. */
const MAX_TOLD = SECONDS * 60;

const root = repositoryRoot();
let folder: string;
let session: KernelSession;
let slider: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "widget-rate-"));
  session = await KernelSession.start(root, folder);
  await session.execute(
    "import { widgets } from 'kernel-lib'; const slider = widgets.slider({ min: 0, max: 1e15, step: 1, value: 0 }); let heard = 0;",
  );
  slider = resultText(await session.execute("slider.model.id"))!.slice(1, -1);
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Resident memory of the process that owns the sockets, in MB. */
function memoryMb(): number {
  const lines = readFileSync(`/proc/${session.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(lines)![1]) / 1024;
}

const stateValue = ({ content }: KernelMessage): number | undefined =>
  (content["data"] as { state?: { value?: number } } | undefined)?.state?.value;

/** Milliseconds between the sending of a message (its value's clock) and now, of every message that came. */
function watchLags(of: (message: KernelMessage) => number | undefined): number[] {
  const lags: number[] = [];
  const push = session.all.push.bind(session.all);
  session.all.push = (...messages) => {
    for (const message of messages) {
      const sent = of(message);
      if (sent !== undefined) lags.push(Date.now() - sent);
    }
    return push(...messages);
  };
  return lags;
}

describe.skipIf(process.platform !== "linux")("a thousand changes of a widget a second, for ten seconds", () => {
  it("made by a cell: the front end gets the newest, in time, and nothing piles up", async () => {
    const before = memoryMb();
    const lags = watchLags((message) => (message.header.msg_type === "comm_msg" ? stateValue(message) : undefined));
    const { published } = await session.execute(
      [
        "const begun = Date.now(); let last = 0;",
        `for (let made = 0; made < ${SECONDS * PER_SECOND}; await new Promise((next) => setTimeout(next, 1)))`,
        `  for (; made < ${SECONDS * PER_SECOND} && made < Date.now() - begun; made++) slider.value = last = Date.now();`,
      ].join("\n"),
    );
    const told = published.map(stateValue).filter((value) => value !== undefined);
    expect(told.length).toBeGreaterThan(SECONDS);
    expect(told.length).toBeLessThan(MAX_TOLD);
    expect(resultText(await session.execute("last"))).toBe(String(told.at(-1)));
    expect(Math.max(...lags.slice(-10))).toBeLessThan(MAX_LAG_MS);
    expect(memoryMb() - before).toBeLessThan(MAX_GROWTH_MB);
  });

  it("made by a front end whose listener is slow: each is answered, the stale are left out, the last one counts", async () => {
    await session.execute(
      `const still = new Int32Array(new SharedArrayBuffer(4)); slider.onChange(() => { heard++; Atomics.wait(still, 0, 0, ${LISTENER_MS}); })`,
    );
    const before = memoryMb();
    const sent = new Map<string, number>();
    const lags = watchLags(({ parent, content }) =>
      content["execution_state"] === "idle" ? sent.get(parent.msg_id ?? "") : undefined,
    );
    const begun = Date.now();
    const total = SECONDS * PER_SECOND;
    for (let made = 0; made < total; await pause(1))
      for (; made < total && made < ((Date.now() - begun) * PER_SECOND) / 1000; made++) {
        const data = { method: "update", state: { value: made }, buffer_paths: [] };
        const message = createMessage("comm_msg", { comm_id: slider, data }, "test-session");
        sent.set(message.header.msg_id, Date.now());
        await session.sockets.send("shell", message);
      }
    await expect.poll(() => lags.length, { timeout: 2 * MAX_LAG_MS }).toBe(total);
    expect(Math.max(...lags.slice(-100))).toBeLessThan(MAX_LAG_MS);
    const [value, heard] = JSON.parse(resultText(await session.execute("[slider.value, heard]"))!) as number[];
    expect(value).toBe(total - 1);
    expect(heard).toBeGreaterThan(SECONDS);
    expect(heard).toBeLessThan(total / 2);
    expect(memoryMb() - before).toBeLessThan(MAX_GROWTH_MB);
  });
});
