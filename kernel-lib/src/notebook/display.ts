import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { kernelHost } from "../kernel/host";
import type { MimeBundle } from "./notebook-file";

/** Where a display is written: a new one, or one shown before, found again by its id. */
interface DisplayTarget {
  readonly id?: string;
  readonly mode?: "new" | "update";
}

type RawDisplay = { raw(type: string, value: unknown): void };

/** What tslab's own kernel brings: cells there can be shown one format at a time, and nothing is updated. */
function plainTslab(): RawDisplay | undefined {
  const require = createRequire(__filename);
  const folder = sep + join("tslab", "dist") + sep;
  // the copy that runs the cells: another one would know nothing of them
  const loaded = Object.keys(require.cache).find(
    (path) => /(?:executor|public)\.js$/.test(path) && path.includes(folder),
  );
  if (loaded === undefined) return undefined;
  return (require(join(dirname(loaded), "public.js")) as { display?: RawDisplay }).display;
}

/** Number of the cell that this code works for; null outside of this library's kernel. */
export function currentCell(): number | null {
  return kernelHost()?.cell ?? null;
}

/** Whether this code runs inside a notebook's kernel. */
export function isInsideNotebook(): boolean {
  return kernelHost() !== null || plainTslab() !== undefined;
}

/**
 * Shows one bundle: the same thing in several formats, of which each viewer takes the best it knows. In tslab's own kernel only
 * the best one is shown. Outside a notebook nothing happens.
 */
export function writeDisplay(data: MimeBundle, target: DisplayTarget = {}): void {
  const host = kernelHost();
  if (host !== null) {
    const transient = target.id === undefined ? {} : { display_id: target.id };
    const type = target.mode === "update" ? "update_display_data" : "display_data";
    host.publish(type, { data, metadata: {}, transient });
    return;
  }
  if (target.mode === "update") return;
  const types = ["application/vnd.plotly.v1+json", "text/html", "text/markdown", "text/plain"];
  const best = types.find((type) => type in data);
  if (best !== undefined) plainTslab()?.raw(best, data[best]);
}
