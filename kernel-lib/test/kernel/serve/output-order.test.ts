import { serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import type { CellEvent, Channel } from "../../../src/kernel/events";
import { OutputOrder, StreamBatches } from "../../../src/kernel/serve/output-order";

const MARK = "\u001emark:";

function frame(event: CellEvent): Buffer {
  const body = serialize(event);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}
const turn = (to: Channel, cell = 1): Buffer => frame({ kind: "turn", to, cell });
const shown = (name: string): Buffer => frame({ kind: "publish", type: "display_data", content: { name } });

function collect() {
  const seen: string[] = [];
  const order = new OutputOrder(MARK, {
    text: (stream, bytes, cell) => seen.push(`${stream}:${bytes.toString()}@${cell}`),
    event: (event) => seen.push(event.kind === "publish" ? String(event.content["name"]) : event.kind),
  });
  return { seen, order };
}

describe("three pipes", () => {
  it("are read in the order of writing, however late a pipe is read", () => {
    const { seen, order } = collect();
    order.push(2, Buffer.from(`error${MARK}3,1;`));
    order.push(3, Buffer.concat([turn(1), shown("figure")]));
    expect(seen).toEqual([]);
    order.push(1, Buffer.from(`out${MARK}2,1;`));
    expect(seen).toEqual(["1:out@1", "2:error@1", "figure"]);
  });

  it("are read whatever pieces they come in", () => {
    const bytes = Buffer.from(`one${MARK}1,2;two${MARK}3,2;`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { seen, order } = collect();
      order.push(3, turn(1));
      order.push(1, bytes.subarray(0, cut));
      order.push(1, bytes.subarray(cut));
      order.push(3, shown("last"));
      const text = seen.filter((one) => one.startsWith("1:")).map((one) => one.slice(2).split("@"));
      const of = (cell: string): string =>
        text
          .filter(([, owner]) => owner === cell)
          .map(([piece]) => piece)
          .join("");
      expect([of("1"), of("2"), seen.at(-1)]).toEqual(["one", "two", "last"]);
    }
  });

  it("pass on what other programs write without a mark", async () => {
    const { seen, order } = collect();
    order.push(2, Buffer.from("from a child"));
    await expect.poll(() => seen).toEqual(["2:from a child@0"]);
  });

  it("give up what is left at the end", () => {
    const { seen, order } = collect();
    order.push(2, Buffer.from("last words"));
    order.flush();
    expect(seen).toEqual(["2:last words@0"]);
  });
});

describe("streams", () => {
  it("are joined into few messages, kept apart by name and cell, and split at no character", () => {
    const sent: string[] = [];
    const batches = new StreamBatches((name, text, cell) => sent.push(`${name} ${cell} ${text}`));
    const bytes = Buffer.from("aü");
    batches.add("stdout", bytes.subarray(0, 2), 1);
    batches.add("stdout", bytes.subarray(2), 1);
    batches.add("stderr", Buffer.from("e"), 1);
    batches.add("stderr", Buffer.from("f"), 2);
    batches.flush();
    expect(sent).toEqual(["stdout 1 aü", "stderr 1 e", "stderr 2 f"]);
    for (let i = 0; i < 10_000; i++) batches.add("stdout", Buffer.from(`line ${i}\n`), 3);
    batches.flush();
    expect(sent.length).toBeLessThan(3 + 20);
    expect(
      sent
        .slice(3)
        .map((text) => text.slice("stdout 3 ".length))
        .join("")
        .split("\n"),
    ).toHaveLength(10_001);
  });
});
