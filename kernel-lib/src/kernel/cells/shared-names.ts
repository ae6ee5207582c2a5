/** The object that holds what cells declare. */

/** A name that no cell has declared and nobody else knows. */
function missing(name: string): never {
  throw new ReferenceError(`${name} is not defined`);
}

/**
 * An object for the names of cells. A name that is not in it is looked for among the built-in ones, then among the globals, so
 * that a global set at run time is found; what is nowhere is a ReferenceError, as for any other name.
 */
export function createSharedNames(builtIn: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const globals = new Proxy(Object.create(null) as object, {
    get(_target, name) {
      if (name in globalThis) return (globalThis as Record<string | symbol, unknown>)[name];
      return typeof name === "string" ? missing(name) : undefined;
    },
    has: (_target, name) => name in globalThis,
    set(_target, name, value, receiver) {
      Object.defineProperty(receiver, name, { value, writable: true, enumerable: true, configurable: true });
      return true;
    },
  });
  const known = Object.assign(Object.create(globals) as object, builtIn);
  return Object.create(known) as Record<string, unknown>;
}
