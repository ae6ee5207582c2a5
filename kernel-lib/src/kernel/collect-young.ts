import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Gives back what short-lived values took, while nobody waits. V8 lets the space of young objects grow to 16 MB before it looks
 * whether any of them are still needed, so that a kernel would seem to grow with every cell.
 */

const QUIET_MS = 300;
/** Cells that follow one another without a pause are many; one look at the young objects takes a millisecond. */
const MAX_CELLS = 25;

type Collect = (options: { readonly type: "minor" }) => void;

/** V8's own function, which a program finds only where the flag is set. */
function findCollect(): Collect {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

export class YoungCollector {
  private collect: Collect | null = null;
  private timer: NodeJS.Timeout | null = null;
  private cells = 0;

  /** Told at the end of each cell: collects when it has been quiet for a while, at the latest after so many cells. */
  cellEnded(): void {
    this.cells++;
    if (this.cells >= MAX_CELLS) setImmediate(() => this.work());
    else if (this.timer === null) this.timer = setTimeout(() => this.work(), QUIET_MS).unref();
    else this.timer.refresh();
  }

  private work(): void {
    this.cells = 0;
    this.collect ??= findCollect();
    this.collect({ type: "minor" });
  }
}
