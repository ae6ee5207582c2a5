import { DataError } from "../base/errors";

/** An object of a JSON file. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** Reads fields of one JSON file; every refusal names the file's reader, the field, the rule and the value. */
export interface FieldReader {
  object(value: unknown, field: string): JsonFields;
  /** A whole number ≥ 0. */
  whole(json: JsonFields, field: string, fallback?: number): number;
  /** A finite number above 0. */
  real(json: JsonFields, field: string, fallback?: number): number;
  /** Refuses any value but `wanted`; a missing field counts as `fallback`. */
  only(json: JsonFields, field: string, wanted: unknown, fallback?: unknown): void;
  /** The error for a field. */
  wrong(field: string, rule: string, value: unknown): DataError;
}

/**
 * @param where named at the start of every message, e.g. "parsePixtralConfig".
 * @param advice what to do next, a sentence.
 */
export function createFieldReader(where: string, advice: string): FieldReader {
  const wrong = (field: string, rule: string, value: unknown): DataError =>
    new DataError(`${where}: ${field} must be ${rule}; got ${JSON.stringify(value)}. ${advice}`, { field, value });
  return {
    wrong,
    object: (value, field) => {
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonFields;
      throw wrong(field, "an object", value);
    },
    whole: (json, field, fallback) => {
      const value = json[field] ?? fallback;
      if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
      throw wrong(field, "a whole number", value);
    },
    real: (json, field, fallback) => {
      const value = json[field] ?? fallback;
      if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
      throw wrong(field, "a number above 0", value);
    },
    only: (json, field, wanted, fallback) => {
      const value = json[field] ?? fallback;
      if (value !== wanted) throw wrong(field, JSON.stringify(wanted), value);
    },
  };
}
