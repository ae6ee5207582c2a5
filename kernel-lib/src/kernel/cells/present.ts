import { type InspectOptions, inspect } from "node:util";
import type { Presented, Presenter } from "../host";

/** What a value looks like below a cell. */

/** A method of this name gives a value's own formats, as Deno's kernel has it. */
const DISPLAY = Symbol.for("Jupyter.display");

const text = (value: unknown): string => inspect(value, { depth: 3 });

function method(value: object, name: string | symbol): (() => unknown) | null {
  const found = (value as Record<string | symbol, unknown>)[name];
  return typeof found === "function" ? () => (found as () => unknown).call(value) : null;
}

function isBundle(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && Object.keys(value).some((key) => key.includes("/"));
}

type Maybe<T> = T | Promise<T>;

/** Goes on at once with a value that is there, later with one that is awaited: what is shown keeps its place in the output. */
function whenThere<T, U>(value: Maybe<T>, next: (value: T) => Maybe<U>): Maybe<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The formats a value makes of itself, or null. */
function ownFormats(value: unknown): Maybe<Presented | null> {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return null;
  const make = method(value as object, DISPLAY) ?? method(value as object, "toMime");
  if (make === null) return null;
  return whenThere(make() as Maybe<unknown>, (formats) => (isBundle(formats) ? { data: formats } : null));
}

function attempt(presenter: Presenter, value: unknown): Maybe<Presented | null> {
  try {
    const presented = presenter(value);
    return presented instanceof Promise ? presented.catch(() => null) : presented;
  } catch {
    return null; // the next one tells
  }
}

/**
 * The formats of a value: its own, else those of the presenter added last that knows it, else Node's text. A presenter that
 * fails leaves the value to the next.
 */
export function present(value: unknown, presenters: readonly Presenter[]): Maybe<Presented> {
  const [last, ...rest] = [ownFormats, ...[...presenters].reverse()];
  const next = (presenter: Presenter | undefined, others: readonly Presenter[]): Maybe<Presented> => {
    if (presenter === undefined) return { data: { "text/plain": text(value) } };
    return whenThere(attempt(presenter, value), (presented) =>
      presented === null ? next(others[0], others.slice(1)) : withText(presented, value),
    );
  };
  return next(last, rest);
}

/** A viewer that knows nothing else can always show text. */
function withText(presented: Presented, value: unknown): Presented {
  if ("text/plain" in presented.data) return presented;
  return { ...presented, data: { ...presented.data, "text/plain": text(value) } };
}

/** What Node's tracking of asynchronous work, by which the kernel knows which cell speaks, leaves on every promise. */
const TRACKS = /^(?:async_id_symbol|trigger_async_id_symbol|kResourceStore)$/;

/** Makes promises print as in a program where nothing is tracked: `Promise { 1 }`. */
export function printPromisesPlainly(): void {
  const print = function (this: Promise<unknown>, _depth: number, options: InspectOptions): string {
    for (const key of Object.getOwnPropertySymbols(this))
      if (TRACKS.test(key.description ?? "")) Reflect.defineProperty(this, key, { enumerable: false });
    // this one prints as Node does from now on; a frozen one cannot be told so
    const isTold = Reflect.defineProperty(this, inspect.custom, { value: undefined, configurable: true });
    return inspect(this, isTold ? options : { ...options, customInspect: false });
  };
  Object.defineProperty(Promise.prototype, inspect.custom, { value: print, configurable: true, writable: true });
}
