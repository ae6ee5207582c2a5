import { createRequire } from "node:module";
import { sep } from "node:path";
import type { MimeBundle } from "./notebook-file";

/** Where a display is written: a new one, or one shown before, found again by its id. */
interface DisplayTarget {
  readonly id?: string;
  readonly mode?: "new" | "update";
}

type WriteDisplayData = (content: unknown, update: boolean) => void;
type RawDisplay = { raw(type: string, value: unknown): void };

const INTERNALS = ["tslab", "dist", "jupyter.js"].join(sep);
const PUBLIC = ["tslab", "dist", "public.js"].join(sep);

const modules = createRequire(__filename).cache;

function loaded(file: string): Record<string, unknown>[] {
  return Object.entries(modules)
    .filter(([path]) => path.endsWith(sep + file))
    .map(([, module]) => module?.exports as Record<string, unknown>);
}

/**
 * The function the running kernel shows things with; it is another one in every cell.
 * The kernel's own copy of tslab is looked up among the loaded modules: another copy would know nothing of the cell.
 * Null outside a notebook.
 */
export function currentCell(): WriteDisplayData | null {
  for (const internals of loaded(INTERNALS)) {
    const write = internals["lastWriteDisplayData"];
    if (typeof write === "function") return write as WriteDisplayData;
  }
  return null;
}

/** Whether this code runs inside a notebook's kernel. */
export function isInsideNotebook(): boolean {
  return currentCell() !== null || loaded(PUBLIC).length > 0;
}

/**
 * Shows one bundle: the same thing in several formats, of which each viewer takes the best it knows.
 * Where the kernel's internals differ, each format is shown by its public display function. Outside a notebook nothing happens.
 */
export function writeDisplay(data: MimeBundle, target: DisplayTarget = {}): void {
  const write = currentCell();
  if (write !== null) {
    const transient = target.id === undefined ? {} : { display_id: target.id };
    write({ data, metadata: {}, transient }, target.mode === "update");
    return;
  }
  const display = loaded(PUBLIC)[0]?.["display"] as RawDisplay | undefined;
  if (display === undefined || target.mode === "update") return;
  const types = ["application/vnd.plotly.v1+json", "text/html", "text/markdown", "text/plain"];
  const best = types.find((type) => type in data);
  if (best !== undefined) display.raw(best, data[best]);
}
