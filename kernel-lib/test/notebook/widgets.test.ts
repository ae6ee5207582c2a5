import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommMessage, installHost, type KernelHost } from "../../src/kernel/host";
import {
  box,
  button,
  choice,
  interact,
  ownWidget,
  progress,
  slider,
  text,
  toggle,
} from "../../src/notebook/widgets/index";

interface Sent {
  readonly type: string;
  readonly id: string;
  readonly data: { method?: string; state: Record<string, unknown>; buffer_paths: unknown[] };
  readonly buffers: readonly Uint8Array[];
}

let sent: Sent[];
let listeners: Set<(message: CommMessage) => void>;
let held: Promise<unknown>[];
beforeEach(() => {
  sent = [];
  listeners = new Set();
  held = [];
  const publish = (type: string, content: Record<string, unknown>, options: { buffers?: Uint8Array[] } = {}): void => {
    sent.push({
      type,
      id: String(content["comm_id"]),
      data: content["data"] as Sent["data"],
      buffers: options.buffers ?? [],
    });
  };
  installHost({
    cell: 1,
    publish,
    presenters: [],
    commListeners: listeners,
    commTargets: new Set(),
    commsWanted: new Set(),
    hold: (work) => held.push(work),
  } as Partial<KernelHost> as KernelHost);
});
afterEach(() => Reflect.deleteProperty(globalThis, Symbol.for("kernel-lib.kernel")));

/** What a front end sends. */
function frontEnd(id: string, data: Record<string, unknown>, buffers: Uint8Array[] = []): void {
  for (const listener of listeners) listener({ type: "comm_msg", content: { comm_id: id, data }, buffers });
}
const update = (id: string, state: Record<string, unknown>): void =>
  frontEnd(id, { method: "update", state, buffer_paths: [] });
const opened = (name: string): Sent =>
  sent.find(({ type, data }) => type === "comm_open" && data.state["_model_name"] === name)!;

describe("widgets", () => {
  it("open a comm with the whole state, and are shown by their model", () => {
    const weight = slider({ min: 0, max: 2, step: 0.5, value: 1, label: "weight" });
    const { id, data } = opened("FloatSliderModel");
    expect(data.state).toMatchObject({
      value: 1,
      min: 0,
      max: 2,
      step: 0.5,
      description: "weight",
      readout_format: ".1f",
    });
    expect(data.state["layout"]).toBe(`IPY_MODEL_${opened("LayoutModel").id}`);
    expect(weight.toMime()["application/vnd.jupyter.widget-view+json"]).toMatchObject({
      model_id: id,
      version_major: 2,
    });
  });

  it("tell both sides what changed, with values of their type", () => {
    const seen: unknown[] = [];
    const word = choice(["a", "b"] as const, { value: "b" });
    word.onChange((value) => seen.push(value));
    update(word.model.id, { index: 0 });
    expect([seen, word.value]).toEqual([["a"], "a"]);
    expect(sent.at(-1)).toMatchObject({ type: "comm_msg", data: { method: "echo_update", state: { index: 0 } } });
    word.value = "b";
    expect(sent.at(-1)).toMatchObject({ data: { method: "update", state: { index: 1 } } });
    const [yes, line, bar] = [toggle(), text({ value: "x" }), progress()];
    update(yes.model.id, { value: true });
    bar.value = 0.5;
    expect([yes.value, line.value, bar.value]).toEqual([true, "x", 0.5]);
    frontEnd(line.model.id, { method: "request_state" });
    expect(sent.at(-1)?.data.state).toMatchObject({ value: "x" });
  });

  it("send the newest of many changes, fifty times a second at most, the last one before the cell ends", async () => {
    const bar = progress({ max: 1000 });
    const begun = performance.now();
    for (let i = 1; i <= 1000; i++) bar.value = i;
    await Promise.all(held);
    const messages = sent.filter(({ type }) => type === "comm_msg");
    expect(messages.length).toBeLessThanOrEqual(2 + (performance.now() - begun) / 20);
    expect(messages.at(-1)?.data.state).toEqual({ value: 1000 });
    // what a front end has set meanwhile is newer than what waits
    bar.value = 5;
    update(bar.model.id, { value: 7 });
    await Promise.all(held);
    expect([bar.value, sent.at(-1)?.data.method]).toEqual([7, "echo_update"]);
  });

  it("tell a front end that comes later all there is", () => {
    const bar = progress({ value: 0.25 });
    const own = ownWidget({ esm: "", state: { data: new Uint8Array([1]) } });
    const say = (type: CommMessage["type"], content: Record<string, unknown>): void => {
      for (const listener of listeners) listener({ type, content: { comm_id: "front", ...content }, buffers: [] });
    };
    say("comm_open", { target_name: "jupyter.widget.control" });
    say("comm_msg", { data: { method: "request_states" } });
    const { data, buffers } = sent.at(-1)! as unknown as { data: Record<string, unknown>; buffers: Uint8Array[] };
    expect(data["states"]).toMatchObject({
      [bar.model.id]: { model_name: "FloatProgressModel", state: { value: 0.25 } },
    });
    const at = (data["buffer_paths"] as string[][]).findIndex(([id]) => id === own.model.id);
    expect([(data["buffer_paths"] as string[][])[at], [...buffers[at]!]]).toEqual([
      [own.model.id, "state", "data"],
      [1],
    ]);
  });

  it("are their values where nobody draws them; interact draws once", async () => {
    Reflect.deleteProperty(globalThis, Symbol.for("kernel-lib.kernel"));
    const weight = slider({ value: 0.25 });
    weight.value = 0.5;
    expect([weight.value, sent]).toEqual([0.5, []]);
    const whole = interact(({ n }) => `at ${n}`, { n: [0, 2, 1] });
    expect(await whole.toMime()).toMatchObject({ "text/plain": "'at 1'" });
  });

  it("hear clicks, hold each other, and are refused when they make no sense", () => {
    let clicks = 0;
    const press = button("go", () => clicks++);
    frontEnd(press.model.id, { method: "custom", content: { event: "click" } });
    expect(clicks).toBe(1);
    box([press], "row");
    expect(opened("HBoxModel").data.state["children"]).toEqual([press.model.reference]);
    expect(() => slider({ min: 2, max: 1 })).toThrow("min < max");
    expect(() => slider({ value: Number.NaN })).toThrow("slider");
    expect(() => choice([])).toThrow("at least one value");
    expect(() => choice(["a"], { value: "b" as "a" })).toThrow("choice: value must be one of a; got b");
  });

  it("carry bytes beside their state", () => {
    const own = ownWidget({
      esm: "export default {}",
      state: { data: new Uint8Array([1, 2]), deep: { list: [new Uint8Array([3])] } },
    });
    const { data, buffers } = opened("AnyModel");
    expect(data.buffer_paths).toEqual([["data"], ["deep", "list", 0]]);
    expect(buffers.map((one) => [...one])).toEqual([[1, 2], [3]]);
    expect(data.state).toMatchObject({ data: null, _esm: "export default {}" });
    frontEnd(own.model.id, { method: "update", state: { data: null }, buffer_paths: [["data"]] }, [
      new Uint8Array([9]),
    ]);
    expect([...own.get("data")]).toEqual([9]);
  });

  it("interact draws at first and after every change, the last one surely, and shows errors in place", async () => {
    const drawn: unknown[] = [];
    interact(
      async ({ weight, word }) => {
        await new Promise((done) => setTimeout(done, 5));
        drawn.push([weight, word]);
        if (weight === 1) throw new RangeError("too much");
        return weight;
      },
      { weight: [0, 1, 0.25], word: ["x", "y"] },
    );
    const { id } = opened("FloatSliderModel");
    for (const value of [0.25, 0.75, 1]) update(id, { value });
    const outputs = (): unknown => sent.filter(({ data }) => data.state["outputs"]).at(-1)?.data.state["outputs"];
    await expect.poll(outputs).toMatchObject([{ output_type: "error", ename: "RangeError", evalue: "too much" }]);
    expect(drawn.at(-1)).toEqual([1, "x"]);
    update(id, { value: 0.5 });
    await expect.poll(outputs).toMatchObject([{ output_type: "display_data", data: { "text/plain": "0.5" } }]);
  });
});
