import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { serialize } from "node:v8";
import { type CellEvent, type Channel, EVENT_CHANNEL, TURN_VARIABLE } from "../events";

/** The writing ends of the pipes to the process that owns the sockets. Every write is done when its call returns. */

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** Waits without giving way to events. */
export function pauseThread(ms: number): void {
  Atomics.wait(PAUSE, 0, 0, ms);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      pauseThread(1);
    }
  }
}

function frame(event: CellEvent): Buffer {
  const body = serialize(event);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

/** Writes text and events so that their order can be told, whatever pipe they take. */
export class Channels {
  private readonly mark: string;
  private current: Channel = EVENT_CHANNEL;
  private cell = 0;
  private readonly cellOf: () => number;

  /** @param cellOf number of the cell that is speaking. */
  constructor(cellOf: () => number) {
    this.mark = process.env[TURN_VARIABLE] ?? "";
    delete process.env[TURN_VARIABLE];
    this.cellOf = cellOf;
  }

  private turn(to: Channel, cell: number): void {
    if (to === this.current && cell === this.cell) return;
    if (this.current === EVENT_CHANNEL) writeAll(EVENT_CHANNEL, frame({ kind: "turn", to, cell }));
    else writeAll(this.current, Buffer.from(`${this.mark}${to},${cell};`));
    this.current = to;
    this.cell = cell;
  }

  /** A new cell speaks: what others write from now on is its own. */
  begin(): void {
    this.turn(EVENT_CHANNEL, this.cellOf());
  }

  write(fd: 1 | 2, bytes: Uint8Array): void {
    this.turn(fd, this.cellOf());
    writeAll(fd, bytes);
  }

  /** Sends an event, after everything that anybody has written to the two streams so far. */
  send(event: CellEvent): void {
    const cell = event.kind === "end" ? event.cell : this.cellOf();
    for (const channel of [1, 2, EVENT_CHANNEL] as const) this.turn(channel, cell);
    writeAll(EVENT_CHANNEL, frame(event));
  }

  /** A stream for process.stdout or process.stderr. */
  stream(fd: 1 | 2): Writable {
    const stream = new Writable({
      decodeStrings: true,
      highWaterMark: 0,
      write: (chunk: Buffer, _encoding, done) => {
        this.write(fd, chunk);
        done();
      },
    });
    return Object.assign(stream, { fd, isTTY: false, _type: "pipe" });
  }
}
