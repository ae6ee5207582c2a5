import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { expandShorthand, keepEveryMessage, queueSends, type SyntaxTree } from "../../src/notebook/tslab-mends";

const { resolve } = createRequire(import.meta.filename);
const compiler = createRequire(resolve("tslab/package.json"))("@tslab/typescript-for-tslab") as SyntaxTree;

test.each([
  ["f({ seed, profile })", "f({ seed: seed, profile: profile })"],
  ["const a = { b: { c }, d: 1, e };", "const a = { b: { c: c }, d: 1, e: e };"],
  ["({ a, b = 2 } = value);", "({ a: a, b: b = 2 } = value);"],
  ["const { a, b } = value; // { c }", "const { a, b } = value; // { c }"],
  ["import { a } from 'b'; export { a };", "import { a } from 'b'; export { a };"],
  [`\`\${f({ a })} { b }\``, `\`\${f({ a: a })} { b }\``],
  ["const broken = {", "const broken = {"],
])("expandShorthand writes %s as %s", (source, expected) => {
  expect(expandShorthand(compiler, source)).toBe(expected);
});

/** Takes one message at a time and throws at the next, as a zeromq socket does; only a large message takes time. */
function createSocketClass() {
  return class {
    readonly sent: unknown[] = [];
    private state: "free" | "busy" = "free";
    send(message: unknown): Promise<void> {
      if (this.state === "busy") throw Object.assign(new Error("Socket is busy writing"), { code: "EBUSY" });
      if (message === "closed") throw Object.assign(new Error("Socket is closed"), { code: "EBADF" });
      if (message === "broken") return Promise.reject(new Error("broken"));
      if (message !== "large") {
        this.sent.push(message);
        return Promise.resolve();
      }
      this.state = "busy";
      return new Promise((resolve) =>
        setTimeout(() => {
          this.state = "free";
          this.sent.push(message);
          resolve();
        }, 20),
      );
    }
  };
}

function createQueuedSocket() {
  const Socket = createSocketClass();
  queueSends(Socket.prototype);
  return new Socket();
}

test("a socket that takes one message at a time loses the next without the queue", () => {
  const socket = new (createSocketClass())();
  void socket.send("large");
  expect(() => socket.send("idle")).toThrow("busy");
});

test("messages given at once arrive all, in order", async () => {
  const socket = createQueuedSocket();
  await Promise.all(["busy", "large", "result", "large", "idle"].map((message) => socket.send(message)));
  expect(socket.sent).toEqual(["busy", "large", "result", "large", "idle"]);
});

test("what the socket takes goes out at once, before any event is handled", () => {
  const socket = createQueuedSocket();
  for (const message of ["busy", "output", "output"]) void socket.send(message);
  expect(socket.sent).toEqual(["busy", "output", "output"]);
});

test("a message given while others wait does not overtake them", async () => {
  const socket = createQueuedSocket();
  const early = ["large", "first"].map((message) => socket.send(message));
  await early[0];
  const late = socket.send("second");
  await Promise.all([...early, late]);
  expect(socket.sent).toEqual(["large", "first", "second"]);
});

test("a message that cannot be sent is reported to its sender and does not hold up the next", async () => {
  const socket = createQueuedSocket();
  const [broken, next] = [socket.send("broken"), socket.send("next")];
  await expect(broken).rejects.toThrow("broken");
  await next;
  expect(() => socket.send("closed")).toThrow("closed");
  expect(socket.sent).toEqual(["next"]);
});

test("a publishing socket keeps every message until it is sent", async () => {
  class Socket {
    sendHighWaterMark = 1000;
    readonly bound: [string, number][] = [];
    async bind(address: string): Promise<void> {
      this.bound.push([address, this.sendHighWaterMark]); // later changes do not reach this connection
    }
  }
  keepEveryMessage(Socket.prototype);
  const socket = new Socket();
  await socket.bind("tcp://127.0.0.1:1");
  expect(socket.bound).toEqual([["tcp://127.0.0.1:1", 0]]);
});
