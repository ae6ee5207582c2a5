import { assertOneOf } from "../base/check";
import { StateError } from "../base/errors";
import { kernelHost } from "../kernel/host";
import { showMarkdown } from "./show";

/** What other kernels do with a line that starts with %: functions for asking, timing, memory and settings. */

export interface InputOptions {
  /** "hidden": what is typed is not shown. Default "shown". */
  readonly typed?: "shown" | "hidden";
}

/**
 * Asks the user for a line of text, below the cell.
 *
 * @throws StateError outside of this library's kernel, or where nobody can be asked (a notebook that a program runs).
 * @example const name = await kernel.input("Whose pictures? ")
 */
export async function input(prompt = "", { typed = "shown" }: InputOptions = {}): Promise<string> {
  const host = kernelHost();
  if (host === null)
    throw new StateError(
      "input: a question must be asked in a cell of the TypeScript kernel; this is another program.",
    );
  return host.input(prompt, { password: typed === "hidden" });
}

/** What a piece of work gave, and how long it took. */
interface Timed<T> {
  readonly value: T;
  /** Milliseconds on the clock. */
  readonly ms: number;
  /** Milliseconds of processor time of this process, all threads. */
  readonly processorMs: number;
}

/**
 * Runs a piece of work and says below the cell how long it took.
 *
 * @example const { value: index } = await kernel.time(() => kernel.buildIndex(run, { task, corpus }))
 */
export async function time<T>(work: () => T | Promise<T>): Promise<Timed<T>> {
  const [begun, before] = [performance.now(), process.cpuUsage()];
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  const [ms, processorMs] = [performance.now() - begun, (user + system) / 1000];
  showMarkdown(`${shortTime(ms)}, processor ${shortTime(processorMs)}`);
  return { value, ms, processorMs };
}

const shortTime = (ms: number): string => (ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toPrecision(3)} s`);

/** Memory of the process of the cells, in MiB. */
interface MemoryUse {
  /** All of it. */
  readonly resident: number;
  /** JavaScript's values. */
  readonly heap: number;
  /** What lies outside of the heap: buffers, typed arrays. */
  readonly external: number;
}

/** How much memory the cells hold now. */
export function memory(): MemoryUse {
  const { rss, heapUsed, external } = process.memoryUsage();
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  return { resident: mib(rss), heap: mib(heapUsed), external: mib(external) };
}

/**
 * Says what becomes of a cell with type errors, from the next cell on: it is not run ("block", as at the start), it is run and
 * they are shown ("warn"), it is run ("off"). In another kernel nothing happens.
 *
 * @throws ConfigError for another word.
 */
export function setTypeErrors(mode: "block" | "warn" | "off"): void {
  assertOneOf("setTypeErrors: mode", mode, ["block", "warn", "off"]);
  kernelHost()?.setting("typeErrors", mode);
}
