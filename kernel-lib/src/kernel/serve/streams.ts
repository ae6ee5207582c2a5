import { StringDecoder } from "node:string_decoder";

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
