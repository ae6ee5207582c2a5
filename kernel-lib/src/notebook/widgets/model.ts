import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { type CommMessage, type KernelHost, kernelHost } from "../../kernel/host";

/**
 * One model of Jupyter's widget protocol (2.1): its state lives here and in every front end, and both sides tell each other what
 * changes. The extensions jupyterlab_widgets and anywidget draw it.
 */

const VERSION = "2.1.0";
const TARGET = "jupyter.widget";
const CONTROL = "jupyter.widget.control";
const REFERENCE = "IPY_MODEL_";
const SEND_EVERY_MS = 20;
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
const controls = new Set<string>();
let heard: KernelHost | null = null;

/** Whether a front end that draws widgets has come to this kernel: every one of them opens this comm. */
export function hasWidgetFrontEnd(): boolean {
  return kernelHost()?.commsWanted.has(CONTROL) === true;
}

/** A front end that comes later (a second tab, a page loaded anew) asks for all there is. */
function tellAll(host: KernelHost, comm: string): void {
  const states = [...open].map(([id, model]) => [id, model.whole()]);
  const { state, paths, buffers } = takeBuffers(Object.fromEntries(states) as WidgetState);
  const data = { method: "update_states", states: state, buffer_paths: paths };
  host.publish("comm_msg", { comm_id: comm, data }, { buffers });
}

function hear(host: KernelHost, { type, content, buffers }: CommMessage): void {
  const id = String(content["comm_id"]);
  const data = (content["data"] ?? {}) as WidgetState;
  if (type === "comm_open" && content["target_name"] === CONTROL) controls.add(id);
  else if (type === "comm_msg" && controls.has(id)) {
    if (data["method"] === "request_states") tellAll(host, id);
  } else if (type === "comm_msg") open.get(id)?.receive(data, buffers);
  else if (type === "comm_close") {
    open.delete(id);
    controls.delete(id);
  }
}

/** Listens to the front ends of this kernel, once. */
function listen(host: KernelHost): void {
  if (heard === host) return;
  heard = host;
  host.commTargets.add(CONTROL);
  host.commListeners.add((message) => hear(host, message));
}

/**
 * A widget; shown as the result of a cell, or by display(). Outside of this library's kernel nobody draws it: it is its values,
 * and a view is only a text.
 */
export class WidgetModel {
  readonly id = randomUUID();
  private readonly host: KernelHost | null = kernelHost();
  private state: WidgetState;
  private readonly changed = new Map<string, Set<(value: unknown) => void>>();
  private readonly custom = new Set<(content: unknown) => void>();
  private waiting: Record<string, unknown> = {};
  private sentMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;

  constructor(state: WidgetState) {
    this.state = state;
    if (this.host === null) return;
    listen(this.host);
    open.set(this.id, this);
    this.send("comm_open", { target_name: TARGET }, "state", state);
  }

  private send(type: string, head: WidgetState, method: string, changes: WidgetState): void {
    const { state, paths, buffers } = takeBuffers(changes);
    const data = { ...(method === "state" ? {} : { method }), state, buffer_paths: paths };
    this.host?.publish(type, { comm_id: this.id, ...head, data }, { metadata: { version: VERSION }, buffers });
  }

  get(name: string): unknown {
    return this.state[name];
  }

  /** What a front end needs to draw it. */
  whole(): WidgetState {
    const { _model_name: name, _model_module: module, _model_module_version: version } = this.state;
    return { model_name: name, model_module: module, model_module_version: version, state: this.state };
  }

  /** Changes the state here and in every front end; those hear of the newest at most fifty times a second. */
  set(changes: WidgetState): void {
    this.state = { ...this.state, ...changes };
    this.waiting = { ...this.waiting, ...changes };
    const left = this.sentMs + SEND_EVERY_MS - performance.now();
    if (left <= 0) this.flush();
    else if (this.timer === null)
      this.host?.hold(
        new Promise<void>((sent) => {
          this.timer = setTimeout(() => {
            this.timer = null;
            sent(this.flush());
          }, left);
        }),
      );
    this.tell(changes);
  }

  /** Sends what waits. */
  private flush(): void {
    if (Object.keys(this.waiting).length === 0) return;
    this.send("comm_msg", {}, "update", this.waiting);
    this.waiting = {};
    this.sentMs = performance.now();
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
      for (const name of Object.keys(changes)) delete this.waiting[name];
      // the other front ends hear of it as well
      this.send("comm_msg", {}, "echo_update", changes);
      this.tell(changes);
    }
  }

  /** Takes it from every view; its layout and style, which are nobody else's, go with it. */
  close(): void {
    this.flush();
    open.delete(this.id);
    for (const part of [this.state["layout"], this.state["style"]])
      if (typeof part === "string") open.get(part.slice(REFERENCE.length))?.close();
    this.host?.publish("comm_close", { comm_id: this.id, data: {} });
  }

  /** How a parent widget names this one. */
  get reference(): string {
    return `${REFERENCE}${this.id}`;
  }

  /** The format that asks a front end to draw it. */
  view(): WidgetState {
    return { [VIEW_MIME]: { version_major: 2, version_minor: 0, model_id: this.id } };
  }

  toMime(): WidgetState {
    return { ...this.view(), "text/plain": this[inspect.custom]() };
  }

  [inspect.custom](): string {
    return `${String(this.state["_model_name"])}(${JSON.stringify(this.state["value"] ?? null)})`;
  }
}
