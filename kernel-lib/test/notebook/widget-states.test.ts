import { describe, expect, it } from "vitest";
import type { Cell, Notebook } from "../../src/notebook/notebook-file";
import { WidgetStates } from "../../src/notebook/widget-states";

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";
const [A, B, C] = ["a", "b", "c"].map((letter) => `${letter.repeat(8)}-0000-4000-8000-${letter.repeat(12)}`) as [
  string,
  string,
  string,
];

function notebookShowing(ids: readonly string[], metadata: Record<string, unknown> = {}): Notebook {
  const cells = ids.map((id, i): Cell => {
    const data = { [VIEW]: { model_id: id, version_major: 2, version_minor: 0 }, "text/plain": `in /home/me, ${id}` };
    const output = { output_type: "display_data", data, metadata: {} } as const;
    return { cell_type: "code", id: `c${i}`, metadata: {}, source: "x", execution_count: 1, outputs: [output] };
  });
  return { cells, metadata, nbformat: 4, nbformat_minor: 5 };
}

const open = (id: string, state: object, paths: unknown[] = []): [string, Record<string, unknown>] => [
  "comm_open",
  { comm_id: id, target_name: "jupyter.widget", data: { state, buffer_paths: paths } },
];
const change = (id: string, state: object, paths: unknown[] = []): [string, Record<string, unknown>] => [
  "comm_msg",
  { comm_id: id, data: { method: "update", state, buffer_paths: paths } },
];
const named = (name: string, fields: object): object => ({
  _model_name: name,
  _model_module: "m",
  _model_module_version: "2.0.0",
  ...fields,
});
const clean = (text: string): string => text.replaceAll("/home/me", "~");

interface Stored {
  readonly state: Record<string, { model_name: string; state: Record<string, unknown>; buffers?: unknown }>;
}
const storedIn = (notebook: Notebook): Stored => (notebook.metadata["widgets"] as Record<string, Stored>)[STATE]!;

describe("WidgetStates", () => {
  it("keeps the last state of what is shown and what that consists of, without this machine's folders", () => {
    const states = new WidgetStates(notebookShowing([]));
    states.add(...open(A, named("Box", { children: [`IPY_MODEL_${B}`], at: "/home/me/x" })), []);
    states.add(...open(B, named("Bar", { value: 1 })), []);
    states.add(...open(C, named("Unseen", {})), []);
    states.add(...change(B, { value: 2 }), []);
    const done = states.store(notebookShowing([A]), clean);
    const { state } = storedIn(done);
    const [box, bar] = Object.values(state);
    expect(Object.keys(state)).toHaveLength(2);
    expect([box?.model_name, box?.state["at"], bar?.state["value"]]).toEqual(["Box", "~/x", 2]);
    expect(box?.state["children"]).toEqual([`IPY_MODEL_${Object.keys(state)[1]}`]);
    const [cell] = done.cells;
    const output = cell?.cell_type === "code" ? cell.outputs[0] : undefined;
    expect(output).toMatchObject({ data: { [VIEW]: { model_id: Object.keys(state)[0] } } });
  });

  it("gives the same names whatever the kernel calls them", () => {
    const store = (id: string): Notebook => {
      const states = new WidgetStates(notebookShowing([]));
      states.add(...open(id, named("Bar", {})), []);
      return states.store(notebookShowing([id]), clean);
    };
    expect(JSON.stringify(store(A))).toBe(JSON.stringify(store(B)));
  });

  it("keeps bytes, the newest of each field", () => {
    const states = new WidgetStates(notebookShowing([]));
    states.add(...open(A, named("Own", { data: null, other: null }), [["data"], ["other"]]), [
      new Uint8Array([1]),
      new Uint8Array([2]),
    ]);
    states.add(...change(A, { data: null }, [["data"]]), [new Uint8Array([3])]);
    const [own] = Object.values(storedIn(states.store(notebookShowing([A]), clean)).state);
    expect(own?.buffers).toEqual([
      { encoding: "base64", path: ["other"], data: "Ag==" },
      { encoding: "base64", path: ["data"], data: "Aw==" },
    ]);
  });

  it("forgets what was closed, and what an earlier run stored unless a cell still shows it", () => {
    const first = new WidgetStates(notebookShowing([]));
    first.add(...open(A, named("Bar", {})), []);
    const earlier = first.store(notebookShowing([A]), clean);
    expect(storedIn(new WidgetStates(earlier).store(earlier, clean))).toEqual(storedIn(earlier));
    const gone = new WidgetStates(earlier);
    gone.add(...open(B, named("Bar", {})), []);
    gone.add("comm_close", { comm_id: B }, []);
    expect(gone.store(notebookShowing([B], earlier.metadata), clean).metadata).toEqual({});
  });
});
