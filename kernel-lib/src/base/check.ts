import { ConfigError, InterruptedError, NumericError, ShapeError } from "./errors";

/** Throws ShapeError unless the two shapes are equal; `null` in `expected` matches any length of that axis. */
export function assertShape(where: string, shape: readonly number[], expected: readonly (number | null)[]): void {
  const same = shape.length === expected.length && expected.every((n, axis) => n === null || n === shape[axis]);
  if (same) return;
  const wanted = expected.map((n) => (n === null ? "any" : n)).join(", ");
  throw new ShapeError(`${where} must have shape [${wanted}]; got [${shape.join(", ")}].`, { shape, expected });
}

/** Throws ShapeError unless both lengths are equal. */
export function assertSameLength(where: string, length: number, expected: number): void {
  if (length === expected) return;
  throw new ShapeError(`${where} must have ${expected} entries; got ${length}.`, { length, expected });
}

/** Throws NumericError on NaN or ±Infinity, naming the first such position. */
export function assertFinite(where: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new NumericError(`${where} must be finite; got ${values[i]} at position ${i}.`, {
      index: i,
      value: values[i],
    });
  }
}

/** Throws ConfigError unless `value` is one of `choices`; the message lists them. */
export function assertOneOf<T extends string>(
  where: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if (choices.includes(value as T)) return;
  throw new ConfigError(`${where} must be one of ${choices.join(", ")}; got ${JSON.stringify(value)}.`, {
    value,
    choices,
  });
}

/** Throws ConfigError unless `value` is a finite number within [min, max]. */
export function assertInRange(where: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value === "number" && Number.isFinite(value) && value >= min && value <= max) return;
  throw new ConfigError(`${where} must be a number in [${min}, ${max}]; got ${JSON.stringify(value)}.`, {
    value,
    min,
    max,
  });
}

/** Throws ConfigError unless `value` is a whole number within [min, max]. */
export function assertInteger(
  where: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new ConfigError(`${where} must be a whole number in [${min}, ${max}]; got ${JSON.stringify(value)}.`, {
    value,
    min,
    max,
  });
}

const MAX_SEED = 2 ** 32 - 1;

/** Throws ConfigError unless `value` is a whole number in [0, 2³² - 1]. */
export function assertSeed(where: string, value: unknown): asserts value is number {
  assertInteger(where, value, 0, MAX_SEED);
}

/** Throws ConfigError when `options` holds a key that is not in `known`; the message lists the known keys. */
export function assertKnownKeys(where: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new ConfigError(`${where} has no option "${key}". Use one of ${known.join(", ")}.`, { key, known });
  }
}

/** Throws InterruptedError when the signal was aborted. Called between the steps of every long loop. */
export function assertNotInterrupted(where: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new InterruptedError(`${where}: interrupted. Call it again to go on from its last saved state.`);
}

/** Whether a value from outside is an object with fields: no list, not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a process of this machine lives, another user's too. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
