/** Which cells are to stop. The helper thread sets the flag of the running one although that cell's thread is busy. */

const MODULES = 1;
const FIRST_CELL = 2;
const NUM_CELLS = 1022;

/** Memory that two threads share: the number of the running cell's place, the flag of imported modules, a flag per cell. */
export class StopFlags {
  readonly memory: Int32Array;

  constructor(memory = new Int32Array(new SharedArrayBuffer(4 * (FIRST_CELL + NUM_CELLS)))) {
    this.memory = memory;
  }

  private placeOf(cell: number): number {
    return FIRST_CELL + (cell % NUM_CELLS);
  }

  /** A new cell runs: whoever is stopped now, it is this one. */
  begin(cell: number): void {
    Atomics.store(this.memory, MODULES, 0);
    Atomics.store(this.memory, this.placeOf(cell), 0);
    Atomics.store(this.memory, 0, this.placeOf(cell));
  }

  /** The flag of a cell, as an array of one; it stays set, so that loops which outlive the cell end as well. */
  of(cell: number): Int32Array {
    return new Int32Array(this.memory.buffer, 4 * this.placeOf(cell), 1);
  }

  /** The flag of modules that cells import. */
  get modules(): Int32Array {
    return new Int32Array(this.memory.buffer, 4 * MODULES, 1);
  }

  stop(cell: number): void {
    Atomics.store(this.memory, this.placeOf(cell), 1);
  }

  /** Stops the running cell, from another thread. */
  stopRunning(): void {
    Atomics.store(this.memory, MODULES, 1);
    Atomics.store(this.memory, Atomics.load(this.memory, 0), 1);
  }
}
