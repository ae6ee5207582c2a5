import { randomUUID } from "node:crypto";
import { StateError } from "../../base/errors";
import { type CommMessage, type KernelHost, kernelHost } from "../../kernel/host";

/**
 * One model of Jupyter's widget protocol (2.1): its state lives here and in every front end, and both sides tell each other what
 * changes. The extensions jupyterlab_widgets and anywidget draw it.
 */

const VERSION = "2.1.0";
const VIEW_MIME = "application/vnd.jupyter.widget-view+json";

export type WidgetState = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** A state whose bytes travel beside it: where they were, and what they are. */
function takeBuffers(state: WidgetState): { state: WidgetState; paths: Path[]; buffers: Uint8Array[] } {
  const paths: Path[] = [];
  const buffers: Uint8Array[] = [];
  const take = (value: unknown, path: Path): unknown => {
    if (ArrayBuffer.isView(value)) {
      paths.push(path);
      buffers.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      return null;
    }
    if (Array.isArray(value)) return value.map((entry, i) => take(entry, [...path, i]));
    if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, take(entry, [...path, key])]));
  };
  return { state: take(state, []) as WidgetState, paths, buffers };
}

/** The state with its bytes back in place. */
function putBuffers(state: WidgetState, paths: readonly Path[], buffers: readonly Uint8Array[]): WidgetState {
  const whole = structuredClone(state) as Record<string | number, unknown>;
  for (const [i, path] of paths.entries()) {
    let place = whole;
    for (const key of path.slice(0, -1)) place = place[key] as typeof whole;
    place[path[path.length - 1]!] = buffers[i];
  }
  return whole as WidgetState;
}

const open = new Map<string, WidgetModel>();
let heard: KernelHost | null = null;

function hear({ type, content, buffers }: CommMessage): void {
  const model = open.get(String(content["comm_id"]));
  if (type === "comm_close") open.delete(String(content["comm_id"]));
  else if (type === "comm_msg") model?.receive((content["data"] ?? {}) as WidgetState, buffers);
}

/** A widget; shown as the result of a cell, or by display(). */
export class WidgetModel {
  readonly id = randomUUID();
  private readonly host: KernelHost;
  private state: WidgetState;
  private readonly changed = new Map<string, Set<(value: unknown) => void>>();
  private readonly custom = new Set<(content: unknown) => void>();

  /** @throws StateError outside of this library's kernel. */
  constructor(state: WidgetState) {
    const host = kernelHost();
    if (host === null) throw new StateError("widget: a widget must be made in a cell of the TypeScript kernel.");
    this.host = host;
    this.state = state;
    if (heard !== host) host.commListeners.add(hear);
    heard = host;
    open.set(this.id, this);
    this.send("comm_open", { target_name: "jupyter.widget" }, "state", state);
  }

  private send(type: string, head: WidgetState, method: string, changes: WidgetState): void {
    const { state, paths, buffers } = takeBuffers(changes);
    const data = { ...(method === "state" ? {} : { method }), state, buffer_paths: paths };
    this.host.publish(type, { comm_id: this.id, ...head, data }, { metadata: { version: VERSION }, buffers });
  }

  get(name: string): unknown {
    return this.state[name];
  }

  /** Changes the state here and in every front end. */
  set(changes: WidgetState): void {
    this.state = { ...this.state, ...changes };
    this.send("comm_msg", {}, "update", changes);
    this.tell(changes);
  }

  /** Called with every new value of a field, whoever changed it. @returns a function that ends it. */
  onChange(name: string, listener: (value: unknown) => void): () => void {
    const listeners = this.changed.get(name) ?? new Set();
    this.changed.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Called with every message of a view that is no change of state (a click …). */
  onMessage(listener: (content: unknown) => void): () => void {
    this.custom.add(listener);
    return () => void this.custom.delete(listener);
  }

  private tell(changes: WidgetState): void {
    for (const [name, value] of Object.entries(changes))
      for (const listener of this.changed.get(name) ?? []) listener(value);
  }

  /** Takes a message of a front end. */
  receive(data: WidgetState, buffers: readonly Uint8Array[]): void {
    if (data["method"] === "request_state") this.send("comm_msg", {}, "update", this.state);
    else if (data["method"] === "custom") for (const listener of this.custom) listener(data["content"]);
    else if (data["method"] === "update") {
      const changes = putBuffers((data["state"] ?? {}) as WidgetState, (data["buffer_paths"] ?? []) as Path[], buffers);
      this.state = { ...this.state, ...changes };
      // the other front ends hear of it as well
      this.send("comm_msg", {}, "echo_update", changes);
      this.tell(changes);
    }
  }

  close(): void {
    open.delete(this.id);
    this.host.publish("comm_close", { comm_id: this.id, data: {} });
  }

  /** How a parent widget names this one. */
  get reference(): string {
    return `IPY_MODEL_${this.id}`;
  }

  toMime(): WidgetState {
    return {
      [VIEW_MIME]: { version_major: 2, version_minor: 0, model_id: this.id },
      "text/plain": `${String(this.state["_model_name"])}(${JSON.stringify(this.state["value"] ?? null)})`,
    };
  }
}
