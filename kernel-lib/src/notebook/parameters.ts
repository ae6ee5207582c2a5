import { ConfigError } from "../base/errors";
import { type Cell, hasTag, type Notebook } from "./notebook-file";

/** Values given to a notebook from outside; numbers, texts, booleans, or plain JSON. */
export type Parameters = Readonly<Record<string, unknown>>;

const DECLARED = /\b(?:let|var)\s+([A-Za-z_$][\w$]*)/g;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;
const INJECTED = "injected-parameters";

/** The names a notebook's parameters cell declares (`let name = …`, one name each); none without such a cell. */
export function listParameters(notebook: Notebook): string[] {
  const cell = notebook.cells.find((candidate) => hasTag(candidate, "parameters"));
  const source = cell?.source.replaceAll(COMMENT, "") ?? "";
  return [...new Set([...source.matchAll(DECLARED)].map((match) => match[1]!))];
}

/** A command line's `name=value` as a parameter: JSON where it is JSON, text otherwise. */
export function parseParameter(text: string): [name: string, value: unknown] {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(0, at)).trim();
  if (!/^[A-Za-z_$][\w$]*$/.test(name))
    throw new ConfigError(`parseParameter: a parameter must be written name=value; got ${JSON.stringify(text)}.`, {
      text,
    });
  const value = text.slice(at + 1);
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

/**
 * The notebook with these values set in a cell after its parameters cell (tag "injected-parameters").
 * The cell assigns, so that a value of another type is refused by the type checker, and shows what it set.
 * An injected cell of an earlier run is replaced; without values it is removed.
 *
 * @throws ConfigError when a name is not declared in the parameters cell; the message lists the declared ones.
 */
export function injectParameters(notebook: Notebook, parameters: Parameters): Notebook {
  const cells = notebook.cells.filter((cell) => !hasTag(cell, INJECTED));
  const entries = Object.entries(parameters);
  if (entries.length === 0) return { ...notebook, cells };
  const declared = listParameters(notebook);
  for (const [name] of entries) {
    if (declared.includes(name)) continue;
    const known = declared.length > 0 ? `Use one of ${declared.join(", ")}.` : 'Tag a cell "parameters" first.';
    throw new ConfigError(`injectParameters: the notebook has no parameter "${name}". ${known}`, { name, declared });
  }
  const lines = entries.map(([name, value]) => `${name} = ${JSON.stringify(value)};`);
  const injected: Cell = {
    cell_type: "code",
    id: freeId(cells),
    metadata: { tags: [INJECTED] },
    // in full: plain tslab does not know a name of an earlier cell in short
    source: [...lines, `({ ${entries.map(([name]) => `${name}: ${name}`).join(", ")} })`].join("\n"),
    execution_count: null,
    outputs: [],
  };
  const after = cells.findIndex((cell) => hasTag(cell, "parameters")) + 1;
  return { ...notebook, cells: [...cells.slice(0, after), injected, ...cells.slice(after)] };
}

function freeId(cells: readonly Cell[]): string {
  const taken = new Set(cells.map((cell) => cell.id));
  let id = INJECTED;
  while (taken.has(id)) id += "-";
  return id;
}
