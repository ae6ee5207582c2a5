import { describe, expect, it } from "vitest";
import { createMessage, type MessageContent } from "../../../src/kernel/message";
import { CommQueue } from "../../../src/kernel/serve/comm-queue";
import type { Request } from "../../../src/kernel/serve/wire";

/** A message of a client to a widget. */
function said(comm: string, data: MessageContent, { session = "tab", type = "comm_msg" } = {}): Request {
  return { channel: "shell", route: [], message: createMessage(type, { comm_id: comm, data }, session) };
}

const update = (comm: string, state: MessageContent, session?: string): Request =>
  said(comm, { method: "update", state, buffer_paths: [] }, session === undefined ? {} : { session });
const click = (comm: string): Request => said(comm, { method: "custom", content: { event: "click" } });

/** A queue whose cells take a message when they are told to, and what they were given. */
function slowQueue() {
  const given: string[] = [];
  const taking: (() => void)[] = [];
  const queue = new CommQueue(({ message }) => {
    const { comm_id: comm, data } = message.content as { comm_id: string; data: { state?: object } };
    given.push(`${comm}${data.state === undefined ? "!" : JSON.stringify(data.state)}`);
    return new Promise((taken) => taking.push(taken));
  });
  const takeAll = async (): Promise<void> => {
    for (let taken = taking.shift(); taken !== undefined; taken = taking.shift()) {
      taken();
      await new Promise((next) => setImmediate(next));
    }
  };
  return { queue, given, takeAll };
}

describe("what front ends say to widgets", () => {
  it("is given one after the other, and each sender is told when its message was taken", async () => {
    const { queue, given, takeAll } = slowQueue();
    const told: string[] = [];
    for (const name of ["a", "b", "c"]) void queue.pass(click(name)).then(() => told.push(name));
    await new Promise((next) => setImmediate(next));
    expect([given, told]).toEqual([["a!"], []]);
    await takeAll();
    expect([given, told]).toEqual([
      ["a!", "b!", "c!"],
      ["a", "b", "c"],
    ]);
    await queue.empty();
  });

  it("a thousand values of one slider leave one waiting: the newest", async () => {
    const { queue, given, takeAll } = slowQueue();
    const all = Array.from({ length: 1000 }, (_, value) => queue.pass(update("slider", { value })));
    expect(queue.length).toBe(1);
    await takeAll();
    await Promise.all(all);
    expect(given).toEqual(['slider{"value":0}', 'slider{"value":999}']);
  });

  it.each<[string, Request, Request, string[]]>([
    ["another widget", update("b", { v: 1 }), update("c", { v: 2 }), ['b{"v":1}', 'c{"v":2}']],
    ["another client", update("b", { v: 1 }), update("b", { v: 2 }, "other"), ['b{"v":1}', 'b{"v":2}']],
    ["fewer fields", update("b", { v: 1, w: 1 }), update("b", { v: 2 }), ['b{"v":1,"w":1}', 'b{"v":2}']],
    ["a click", update("b", { v: 1 }), click("b"), ['b{"v":1}', "b!"]],
    ["more fields", update("b", { v: 1 }), update("b", { v: 2, w: 2 }), ['b{"v":2,"w":2}']],
  ])("a message stays unless a newer one says all of it: %s", async (_name, first, second, expected) => {
    const { queue, given, takeAll } = slowQueue();
    for (const request of [click("busy"), first, second]) void queue.pass(request);
    await takeAll();
    expect(given).toEqual(["busy!", ...expected]);
  });

  it("a value that was set before a click is there at the click", async () => {
    const { queue, given, takeAll } = slowQueue();
    for (const request of [click("busy"), update("s", { v: 1 }), click("button"), update("s", { v: 2 })])
      void queue.pass(request);
    await takeAll();
    expect(given).toEqual(["busy!", 's{"v":1}', "button!", 's{"v":2}']);
  });

  it("bytes count as fields", async () => {
    const { queue, given, takeAll } = slowQueue();
    const bytes = said("b", { method: "update", state: {}, buffer_paths: [["picture"]] });
    for (const request of [click("busy"), bytes, update("b", { v: 1 })]) void queue.pass(request);
    await takeAll();
    expect(given).toEqual(["busy!", "b{}", 'b{"v":1}']);
  });
});
