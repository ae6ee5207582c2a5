import { StringDecoder } from "node:string_decoder";
import { deserialize } from "node:v8";
import { type CellEvent, type Channel, EVENT_CHANNEL } from "../events";

/** Reads three pipes in the order in which they were written: marks in them say where the output went on. */

/** What comes out, in order. */
export interface OrderedSink {
  /** @param cell number of the cell that wrote it. */
  text(stream: 1 | 2, bytes: Buffer, cell: number): void;
  event(event: CellEvent, cell: number): void;
}

/** A stream that is written to without a mark (native code, other programs) is passed on after this long. */
const STRAY_MS = 10;

/** Bytes that wait, without copying them at every arrival. */
class Waiting {
  private chunks: Buffer[] = [];
  length = 0;

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** All of them in one piece, which stays. */
  joined(): Buffer {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  /** Takes this many away. */
  take(count: number): Buffer {
    const all = this.joined();
    const rest = all.subarray(count);
    this.chunks = rest.length > 0 ? [rest] : [];
    this.length = rest.length;
    return all.subarray(0, count);
  }

  /** A number at the start, without joining what follows. */
  frameLength(): number | null {
    if (this.length < 4) return null;
    const first = this.chunks[0]!;
    return (first.length >= 4 ? first : this.joined()).readUInt32LE(0);
  }
}

export class OutputOrder {
  private readonly waiting: Readonly<Record<Channel, Waiting>> = {
    1: new Waiting(),
    2: new Waiting(),
    3: new Waiting(),
  };
  private readonly mark: Buffer;
  private readonly sink: OrderedSink;
  private current: Channel = EVENT_CHANNEL;
  private cell = 0;
  private moved = 0;
  private timer: NodeJS.Timeout | null = null;

  /** @param mark what announces a turn inside of a stream. */
  constructor(mark: string, sink: OrderedSink) {
    this.mark = Buffer.from(mark);
    this.sink = sink;
  }

  /** Takes what was read from a pipe. */
  push(channel: Channel, chunk: Buffer): void {
    this.waiting[channel].push(chunk);
    this.advance();
    if (this.waiting[1].length + this.waiting[2].length > 0)
      this.timer ??= setTimeout(() => this.passStrays(), STRAY_MS);
  }

  private advance(): void {
    while (this.current === EVENT_CHANNEL ? this.takeEvent() : this.takeText(this.current)) this.moved++;
  }

  private takeEvent(): boolean {
    const waiting = this.waiting[EVENT_CHANNEL];
    const length = waiting.frameLength();
    if (length === null || waiting.length < 4 + length) return false;
    const event = deserialize(waiting.take(4 + length).subarray(4)) as CellEvent;
    if (event.kind === "turn") this.turn(event.to, event.cell);
    else this.sink.event(event, this.cell);
    return true;
  }

  private turn(to: Channel, cell: number): void {
    this.current = to;
    this.cell = cell;
  }

  private takeText(channel: 1 | 2): boolean {
    const waiting = this.waiting[channel];
    if (waiting.length === 0) return false;
    const bytes = waiting.joined();
    const at = bytes.indexOf(this.mark);
    if (at < 0) return this.passText(channel, bytes.length - this.begun(bytes));
    const end = bytes.indexOf(";", at);
    if (end < 0) return this.passText(channel, at);
    if (at > 0) this.sink.text(channel, bytes.subarray(0, at), this.cell);
    const [to, cell] = bytes
      .subarray(at + this.mark.length, end)
      .toString()
      .split(",")
      .map(Number);
    waiting.take(end + 1);
    this.turn(to as Channel, cell!);
    return true;
  }

  private passText(channel: 1 | 2, count: number): boolean {
    if (count === 0) return false;
    this.sink.text(channel, this.waiting[channel].take(count), this.cell);
    return true;
  }

  /** How many bytes at the end may be the start of a mark. */
  private begun(bytes: Buffer): number {
    for (let count = Math.min(this.mark.length - 1, bytes.length); count > 0; count--)
      if (bytes.subarray(bytes.length - count).equals(this.mark.subarray(0, count))) return count;
    return 0;
  }

  /** Passes on what waits in a stream whose turn it is not, when nothing has moved for a while: nobody marked it. */
  private passStrays(): void {
    this.timer = null;
    const before = this.moved;
    // what was written before it is readable by now; it is read first
    setImmediate(() => {
      if (this.moved === before) {
        for (const channel of [1, 2] as const)
          if (channel !== this.current && this.waiting[channel].length > 0) this.passUnmarked(channel);
      }
      if (this.waiting[1].length + this.waiting[2].length > 0)
        this.timer ??= setTimeout(() => this.passStrays(), STRAY_MS);
    });
  }

  private passUnmarked(channel: 1 | 2): void {
    const bytes = this.waiting[channel].joined();
    const at = bytes.indexOf(this.mark);
    this.passText(channel, at < 0 ? bytes.length - this.begun(bytes) : at);
  }

  /** The process has ended: passes on whatever is left. */
  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.advance();
    for (const channel of [1, 2] as const) {
      const { length } = this.waiting[channel];
      if (length > 0) this.sink.text(channel, this.waiting[channel].take(length), this.cell);
    }
  }
}

/** What cells write, in few messages: pieces of one stream are joined until something else is to be said or time is up. */

const MAX_BYTES = 65_536;
const MAX_MS = 20;

type StreamName = "stdout" | "stderr";

export class StreamBatches {
  private readonly publish: (name: StreamName, text: string, cell: number) => void;
  private readonly decoders: Readonly<Record<StreamName, StringDecoder>> = {
    stdout: new StringDecoder("utf8"),
    stderr: new StringDecoder("utf8"),
  };
  private pieces: string[] = [];
  private length = 0;
  private name: StreamName = "stdout";
  private cell = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(publish: (name: StreamName, text: string, cell: number) => void) {
    this.publish = publish;
  }

  add(name: StreamName, bytes: Buffer, cell: number): void {
    if (name !== this.name || cell !== this.cell) this.flush();
    [this.name, this.cell] = [name, cell];
    const text = this.decoders[name].write(bytes);
    this.pieces.push(text);
    this.length += text.length;
    if (this.length >= MAX_BYTES) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), MAX_MS);
  }

  /** Publishes what is there. */
  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const text = this.pieces.join("");
    [this.pieces, this.length] = [[], 0];
    if (text !== "") this.publish(this.name, text, this.cell);
  }
}
