import { expect, test } from "vitest";
import { queueSends } from "../../src/notebook/queue-sends";

/** Takes one message at a time, as a zeromq socket does. */
function createSocketClass() {
  return class {
    readonly sent: unknown[] = [];
    private state: "free" | "busy" = "free";
    async send(message: unknown): Promise<void> {
      if (this.state === "busy") throw new Error("EBUSY");
      this.state = "busy";
      await new Promise((resolve) => setTimeout(resolve, message === "large" ? 20 : 1));
      this.state = "free";
      if (message === "broken") throw new Error("broken");
      this.sent.push(message);
    }
  };
}

test("a socket that takes one message at a time loses the next without the queue", async () => {
  const socket = new (createSocketClass())();
  const outcomes = await Promise.allSettled([socket.send("large"), socket.send("idle")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

test("messages given at once arrive all, in order", async () => {
  const Socket = createSocketClass();
  queueSends(Socket.prototype);
  const socket = new Socket();
  await Promise.all(["busy", "large", "result", "idle"].map((message) => socket.send(message)));
  expect(socket.sent).toEqual(["busy", "large", "result", "idle"]);
});

test("two sockets of a class do not wait for each other", async () => {
  const Socket = createSocketClass();
  queueSends(Socket.prototype);
  const [slow, quick] = [new Socket(), new Socket()];
  const large = slow.send("large");
  await quick.send("small");
  expect(slow.sent).toEqual([]);
  await large;
  expect(slow.sent).toEqual(["large"]);
});

test("a message that cannot be sent is reported to its sender and does not hold up the next", async () => {
  const Socket = createSocketClass();
  queueSends(Socket.prototype);
  const socket = new Socket();
  const [broken, next] = [socket.send("broken"), socket.send("next")];
  await expect(broken).rejects.toThrow("broken");
  await next;
  expect(socket.sent).toEqual(["next"]);
});
