import { createHash } from "node:crypto";
import { ConfigError } from "../base/errors";

/** What a stage's configuration may hold: plain JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A plain object of JSON values; keys set to undefined count as absent. */
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

/** Everything that changes a stage's result, and nothing else. */
export interface KeyParts {
  readonly stage: string;
  readonly version: number;
  readonly config: JsonObject;
  readonly inputs: readonly string[];
  readonly seed: number;
  readonly backend: string;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refuse(path: string, value: unknown): never {
  const kind = typeof value === "object" ? (value?.constructor?.name ?? "object") : `${typeof value} ${String(value)}`;
  throw new ConfigError(
    `canonicalJson: ${path} must be plain JSON (null, boolean, finite number, string, list, object); got ${kind}. ` +
      "Put a number, a string or a fingerprint there.",
    { path },
  );
}

/**
 * JSON with sorted keys, so that equal values give equal text. Keys set to undefined are left out; -0 is written 0.
 *
 * @throws ConfigError on NaN, an infinity, a function, a typed array, any other class instance, or a cycle.
 * @example canonicalJson({ b: 1, a: [true] })   // {"a":[true],"b":1}
 */
export function canonicalJson(value: unknown, path = "value", parents: readonly unknown[] = []): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (parents.includes(value)) refuse(`${path} (a cycle)`, value);
  const inside = [...parents, value];
  if (Array.isArray(value)) return `[${value.map((v, i) => canonicalJson(v, `${path}[${i}]`, inside)).join(",")}]`;
  if (!isPlainObject(value)) refuse(path, value);
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v, `${path}.${k}`, inside)}`);
  return `{${entries.join(",")}}`;
}

/** The name of a stage's artifact: the first 32 hex digits of the SHA-256 of everything that changes its result. */
export function artifactKey(parts: KeyParts): string {
  const { stage, version, config, inputs, seed, backend } = parts;
  const text = canonicalJson({ stage, version, config, inputs, seed, backend }, stage);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
