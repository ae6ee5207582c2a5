import { existsSync, readFileSync } from "node:fs";
import { isObject } from "../base/check";
import { readSafetensors } from "../compute/safetensors";

/** How a remade file stands to the stored one. */
interface Comparison {
  /** "same": equal bytes. "equal": equal but for versions, order of sets, or numbers within the tolerance. */
  readonly verdict: "same" | "equal" | "differs";
  /** What differs, in words; empty for "same". */
  readonly detail: string;
}

/**
 * Largest difference of two numbers, relative to the larger of 1 and the stored one, that another machine may make: most are
 * stored with five decimals, of which the last may flip.
 */
const REFERENCE_TOLERANCE = 2e-5;

interface Findings {
  /** Largest difference of numbers, and where. */
  largest: number;
  place: string;
  readonly versions: string[];
  readonly orders: string[];
  readonly others: string[];
}

const VERSION_FIELDS: readonly string[] = ["versions", "torch", "peft_version", "transformers_version"];

/** Compares a remade file with the stored one: JSON value by value, safetensors tensor by tensor, others by their bytes. */
export function compareReference(stored: string, made: string): Comparison {
  if (!existsSync(made)) return { verdict: "differs", detail: "no script makes it" };
  if (!existsSync(stored)) return { verdict: "differs", detail: "new" };
  const [before, after] = [readFileSync(stored), readFileSync(made)];
  if (before.equals(after)) return { verdict: "same", detail: "" };
  const findings: Findings = { largest: 0, place: "", versions: [], orders: [], others: [] };
  if (stored.endsWith(".json")) walk(JSON.parse(before.toString()), JSON.parse(after.toString()), "", findings);
  else if (stored.endsWith(".safetensors")) walk(tensorsOf(stored), tensorsOf(made), "", findings);
  else findings.others.push(`other bytes, ${before.length} before, ${after.length} now`);
  return verdictOf(findings);
}

function tensorsOf(file: string): Record<string, unknown> {
  const tensors = [...readSafetensors(file).tensors];
  return Object.fromEntries(tensors.map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: [...data] }]));
}

function walk(stored: unknown, made: unknown, path: string, findings: Findings): void {
  if (Object.is(stored, made)) return;
  if (typeof stored === "number" && typeof made === "number") noteNumber(stored, made, path, findings);
  else if (VERSION_FIELDS.includes(path.split(".").at(-1)!)) findings.versions.push(...versionTexts(stored, made));
  else if (Array.isArray(stored) && Array.isArray(made)) walkList(stored, made, path, findings);
  else if (isObject(stored) && isObject(made)) {
    for (const key of new Set([...Object.keys(stored), ...Object.keys(made)]))
      walk(stored[key], made[key], path === "" ? key : `${path}.${key}`, findings);
  } else findings.others.push(`${path} is ${excerpt(stored)} before, ${excerpt(made)} now`);
}

function walkList(stored: readonly unknown[], made: readonly unknown[], path: string, findings: Findings): void {
  if (stored.length !== made.length)
    findings.others.push(`${path} has ${stored.length} entries before, ${made.length} now`);
  else if (isReordered(stored, made)) findings.orders.push(path);
  else for (let i = 0; i < stored.length; i++) walk(stored[i], made[i], `${path}[${i}]`, findings);
}

function noteNumber(stored: number, made: number, path: string, findings: Findings): void {
  const difference = Math.abs(stored - made) / Math.max(1, Math.abs(stored));
  if (difference <= findings.largest) return;
  findings.largest = difference;
  findings.place = path;
}

/** Python's sets are written in any order. */
function isReordered(stored: readonly unknown[], made: readonly unknown[]): boolean {
  const isText = [...stored, ...made].every((value) => typeof value === "string");
  const sorted = (list: readonly unknown[]): string => [...list].sort().join("\n");
  return isText && sorted(stored) === sorted(made) && stored.join("\n") !== made.join("\n");
}

function verdictOf({ largest, place, versions, orders, others }: Findings): Comparison {
  const details = [
    ...(largest > 0 ? [`differs by ${largest.toExponential(1)} (${place})`] : []),
    ...(versions.length > 0 ? [`versions: ${versions.join(", ")}`] : []),
    ...(orders.length > 0 ? [`order of ${orders.join(", ")}`] : []),
    ...others.slice(0, 3),
    ...(others.length > 3 ? [`${others.length - 3} more`] : []),
  ];
  if (details.length === 0) return { verdict: "equal", detail: "written otherwise" };
  const verdict = others.length > 0 || largest > REFERENCE_TOLERANCE ? "differs" : "equal";
  return { verdict, detail: details.join("; ") };
}

function versionTexts(stored: unknown, made: unknown): string[] {
  if (!isObject(stored) || !isObject(made)) return [`${excerpt(stored)} → ${excerpt(made)}`];
  const changed = Object.keys({ ...stored, ...made }).filter((name) => stored[name] !== made[name]);
  return changed.map((name) => `${name} ${stored[name]} → ${made[name]}`);
}

const excerpt = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 60);
