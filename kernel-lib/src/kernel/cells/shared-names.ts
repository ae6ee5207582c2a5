import { types } from "node:util";
import type { ColumnReader } from "../host";

/** The object that holds what cells declare, and the tables that are in it. */

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

/** How far tables are looked for: objects inside of objects, members of each, objects in all. */
const MAX_DEPTH = 3;
const MAX_MEMBERS = 30;
const MAX_OBJECTS = 300;
/** Objects with so many members that counting them again after every cell would be felt. */
const large = new WeakSet<object>();
const LARGE = 10_000;

type Found = readonly [way: string, value: object];

/** A value that may be looked into: a proxy would notice, a package is large and its own. */
function isOpen(value: unknown): value is object {
  if (value === null || typeof value !== "object" || types.isProxy(value)) return false;
  return !ArrayBuffer.isView(value) && !types.isModuleNamespaceObject(value) && !Object.hasOwn(value, "__esModule");
}

/** The first members of an object that are objects; what a getter would give is left alone. */
function membersOf([way, value]: Found): Found[] {
  if (large.has(value)) return [];
  const keys = Array.isArray(value) ? Object.keys(value.slice(0, MAX_MEMBERS)) : Object.keys(value);
  if (keys.length > LARGE) large.add(value);
  return keys.slice(0, MAX_MEMBERS).flatMap((key): Found[] => {
    const member: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    return isOpen(member) ? [[`${way}.${key}`, member]] : [];
  });
}

function columnsOf(value: object, readers: readonly ColumnReader[]): readonly string[] | null {
  try {
    return readers.map((read) => read(value)).find((list) => list !== null) ?? null;
  } catch {
    return null; // a value that cannot be asked is no table
  }
}

/** The columns of the tables that a name leads to, by the way to each: `rows`, `study.rows`, `runs.0`. */
export function findTables(
  names: Readonly<Record<string, unknown>>,
  readers: readonly ColumnReader[],
): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  const seen = new Set<object>();
  let level = Object.entries(names).filter((entry): entry is [string, object] => isOpen(entry[1])) as readonly Found[];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const next: Found[] = [];
    for (const [way, value] of level) {
      const columns = columnsOf(value, readers);
      if (columns !== null) found[way] = columns;
      else if (!seen.has(value) && seen.size < MAX_OBJECTS) {
        seen.add(value);
        next.push([way, value]);
      }
    }
    level = depth < MAX_DEPTH ? next.flatMap(membersOf) : [];
  }
  return found;
}
