/** Which cells are to stop. The helper thread sets the flags although the cells' thread is busy. */

const NOW = 1;
const EVER = 2;
const FIRST_CELL = 3;
const NUM_CELLS = 1021;
/** What a stopped cell does in `catch` and `finally` may take so long before it is told again. */
const TIDY_MS = 1000;

/**
 * Memory that two threads share: the number of the running cell, whether something is to stop now, whether anything ever was, and
 * for each of the last cells its number once it is to stop.
 *
 * Code looks at one place of it at every turn, and asks `isDue` only where that is set: what stands at the top of a cell looks at
 * the cell's own place, a function (of whatever cell: it works for the one that calls it) at NOW, and a loop in which a function
 * waits, which may outlive the cell it works for, at EVER.
 */
export class StopFlags {
  readonly memory: Int32Array;
  private told = { cell: 0, atMs: 0 };

  constructor(memory = new Int32Array(new SharedArrayBuffer(4 * (FIRST_CELL + NUM_CELLS)))) {
    this.memory = memory;
  }

  private placeOf(cell: number): number {
    return FIRST_CELL + (cell % NUM_CELLS);
  }

  private flag(place: number): Int32Array {
    return new Int32Array(this.memory.buffer, 4 * place, 1);
  }

  /** Another cell, or what a message to a widget sets off, runs: whoever is stopped now, it is this one. */
  begin(cell: number): void {
    Atomics.store(this.memory, NOW, 0);
    Atomics.store(this.memory, this.placeOf(cell), 0);
    Atomics.store(this.memory, 0, cell);
  }

  /** The flag of a cell, as an array of one; it stays set, so that loops which outlive the cell end as well. */
  of(cell: number): Int32Array {
    return this.flag(this.placeOf(cell));
  }

  /** Whether the cell that runs is to stop. */
  get now(): Int32Array {
    return this.flag(NOW);
  }

  /** Whether any cell has ever been stopped. */
  get ever(): Int32Array {
    return this.flag(EVER);
  }

  stop(cell: number): void {
    Atomics.store(this.memory, this.placeOf(cell), cell);
    Atomics.store(this.memory, EVER, 1);
    Atomics.store(this.memory, NOW, 1);
  }

  /** Stops the running cell, from another thread. */
  stopRunning(): void {
    this.stop(Atomics.load(this.memory, 0));
  }

  /** Whether work for this cell is to end here: once as soon as it is stopped, and everywhere when it has had time to tidy up. */
  isDue(cell: number): boolean {
    if (Atomics.load(this.memory, this.placeOf(cell)) !== cell) return false;
    if (this.told.cell === cell) return performance.now() - this.told.atMs > TIDY_MS;
    this.told = { cell, atMs: performance.now() };
    return true;
  }
}
