import { assertOneOf } from "../base/check";
import { StateError } from "../base/errors";
import { kernelHost } from "../kernel/host";
import { showMarkdown } from "./show";

// What cells call beside the library: functions for asking, timing, memory and settings, which other kernels have behind a %, and the
// judge of an exercise.

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

/** Said of an answer that stands the check. */
export const RIGHT = "right";
/** Said while the answer is undefined. */
export const NOT_ANSWERED = "not answered yet: fill in the cell above, then run it and this one";

/**
 * Judges the answer to an exercise of a notebook, in one line that the check cell ends with. It never throws: an answer that
 * breaks the check (a wrong type, a wrong length) is told what went wrong.
 *
 * @param answer what the reader filled in; undefined is no answer yet, null may be one ("there is none").
 * @param isRight computes whether the answer is right, from what the notebook has measured.
 * @param hint a sentence for an answer that is not right; it gives nothing away.
 * @returns "right", "not answered yet: …" or "not yet: …" with the hint.
 * @example kernel.checkExercise(guess, (loss) => Math.abs(loss - measured) < 0.01, "How probable is each label?")
 */
export function checkExercise<T>(answer: T | undefined, isRight: (answer: T) => boolean, hint: string): string {
  if (answer === undefined) return NOT_ANSWERED;
  try {
    return isRight(answer) ? RIGHT : `not yet: ${hint}`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `not yet: ${hint} (The check stopped at: ${reason})`;
  }
}
