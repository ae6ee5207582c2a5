import { ConfigError } from "../../base/errors";
import {
  CASEBOOK_VARIANTS,
  type CasebookDials,
  type CasebookOptions,
  type CasebookVariant,
  settleDials,
  standardDials,
} from "./dials";

// A setting of the casebook is named by what it changes: "casebook:knowledge=0.3:sizes.test=200". Wherever a task or a corpus is named,
// by a notebook, a grid or on the command line, such a name does: one setting has one name.

const [BETWEEN, IS, WITHIN] = [":", "=", "."];

type Numbers = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** Every dial by its path ("sizes.test"), in the order in which they are declared. */
function flatten(dials: CasebookDials): [string, number][] {
  return Object.entries(dials as unknown as Numbers).flatMap(([name, value]): [string, number][] =>
    typeof value === "number"
      ? [[name, value]]
      : Object.entries(value).map(([part, number]) => [`${name}${WITHIN}${part}`, number]),
  );
}

/** The dials of a name's end: "" where nothing is turned, else ":knowledge=0.3:sizes.test=200". */
export function dialsMark(variant: CasebookVariant, dials: CasebookDials): string {
  const standard = new Map(flatten(standardDials(variant)));
  return flatten(dials)
    .filter(([path, value]) => standard.get(path) !== value)
    .map(([path, value]) => `${BETWEEN}${path}${IS}${value}`)
    .join("");
}

/**
 * The name of a setting as a task.
 *
 * @throws ConfigError for a dial that is unknown or out of its range.
 * @example casebookName("casebook", { knowledge: 0.3 })   // "casebook:knowledge=0.3"
 */
export function casebookName(variant: CasebookVariant, options: CasebookOptions = {}): string {
  return `${variant}${dialsMark(variant, settleDials(variant, options))}`;
}

function parsePart(name: string, part: string, known: ReadonlySet<string>): [string, number] {
  const [path = "", text = "", ...rest] = part.split(IS);
  const value = Number(text);
  if (known.has(path) && rest.length === 0 && text !== "" && Number.isFinite(value)) return [path, value];
  throw new ConfigError(
    `casebook: ${name} must name dials as ${BETWEEN}dial${IS}number; got "${part}". Dials are ${[...known].join(", ")}.`,
    { name, part },
  );
}

/** A variant with its dials. */
export interface CasebookSetting {
  readonly variant: CasebookVariant;
  readonly dials: CasebookDials;
}

/**
 * What a name means; null for names that are not the casebook's.
 *
 * @throws ConfigError for an unknown dial, a value out of its range, or a name that is not the setting's own.
 * @example parseCasebookName("casebook:knowledge=0.3")!.dials.knowledge   // 0.3
 */
export function parseCasebookName(name: string): CasebookSetting | null {
  const [head, ...parts] = name.split(BETWEEN);
  const variant = CASEBOOK_VARIANTS.find((each) => each === head);
  if (variant === undefined) return null;
  const known = new Set(flatten(standardDials(variant)).map(([path]) => path));
  const turned: Record<string, number | Record<string, number>> = {};
  for (const [path, value] of parts.map((part) => parsePart(name, part, known))) {
    const [dial, within] = path.split(WITHIN) as [string, string | undefined];
    if (within === undefined) turned[dial] = value;
    else turned[dial] = { ...(turned[dial] as Record<string, number> | undefined), [within]: value };
  }
  const dials = settleDials(variant, turned as CasebookOptions);
  const own = `${variant}${dialsMark(variant, dials)}`;
  if (own === name) return { variant, dials };
  throw new ConfigError(
    `casebook: ${name} must be written ${own}: dials in their order, each once, none at its standard value.`,
    { name, own },
  );
}
