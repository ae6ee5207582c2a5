import { Publisher, Router } from "zeromq";
import {
  type ConnectionInfo,
  createMessage,
  decodeMessage,
  encodeMessage,
  type KernelMessage,
  type MessageContent,
  routingFrames,
} from "../message";

/** The kernel's five sockets. Whatever is sent goes out one message after the other, and none is dropped. */

export type Channel = "shell" | "control" | "stdin";

/** A message that came in, and the way back to who sent it. */
export interface Request {
  readonly channel: Channel;
  readonly route: readonly Buffer[];
  readonly message: KernelMessage;
}

/** What a message carries beside its content. */
export interface Extras {
  readonly metadata?: MessageContent;
  readonly buffers?: readonly Uint8Array[];
}

interface Sender {
  send(frames: Buffer[]): Promise<void>;
}

/** A socket takes one message at a time: the others wait for their turn. */
class SendQueue {
  private readonly socket: Sender;
  private readonly waiting: Buffer[][] = [];
  private sending: Promise<void> | null = null;

  constructor(socket: Sender) {
    this.socket = socket;
  }

  send(frames: Buffer[]): void {
    this.waiting.push(frames);
    this.sending ??= this.drain();
  }

  private async drain(): Promise<void> {
    for (let frames = this.waiting.shift(); frames !== undefined; frames = this.waiting.shift()) {
      try {
        await this.socket.send(frames);
      } catch {
        // a client that is gone
      }
    }
    this.sending = null;
  }

  async empty(): Promise<void> {
    await this.sending;
  }
}

export class KernelWire {
  private readonly info: ConnectionInfo;
  private readonly session: string;
  private readonly routers: Readonly<Record<Channel, Router>>;
  private readonly iopub = new Publisher({ sendHighWaterMark: 0, linger: 1000 });
  private readonly heartbeat = new Router({ linger: 0 });
  private readonly queues: Readonly<Record<Channel | "iopub", SendQueue>>;

  constructor(info: ConnectionInfo, session: string) {
    this.info = info;
    this.session = session;
    // handover: a client that comes back with the name it had takes the place of its old connection
    const create = (): Router =>
      new Router({ handover: true, sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 1000 });
    this.routers = { shell: create(), control: create(), stdin: create() };
    const { shell, control, stdin } = this.routers;
    this.queues = {
      shell: new SendQueue(shell),
      control: new SendQueue(control),
      stdin: new SendQueue(stdin),
      iopub: new SendQueue(this.iopub),
    };
  }

  /** Binds the sockets and hands over every message that is signed with the connection's key. */
  async listen(onRequest: (request: Request) => void): Promise<void> {
    const address = (port: number): string => `${this.info.transport}://${this.info.ip}:${port}`;
    await Promise.all([
      ...(["shell", "control", "stdin"] as const).map((name) =>
        this.routers[name].bind(address(this.info[`${name}_port`])),
      ),
      this.iopub.bind(address(this.info.iopub_port)),
      this.heartbeat.bind(address(this.info.hb_port)),
    ]);
    for (const name of ["shell", "control", "stdin"] as const) void this.receive(name, onRequest);
    void this.echo();
  }

  private async receive(channel: Channel, onRequest: (request: Request) => void): Promise<void> {
    for await (const frames of this.routers[channel]) {
      try {
        onRequest({ channel, route: routingFrames(frames), message: decodeMessage(frames, this.info.key) });
      } catch (error) {
        process.stderr.write(`kernel-lib: a message on ${channel} was left unanswered: ${(error as Error).message}\n`);
      }
    }
  }

  private async echo(): Promise<void> {
    for await (const frames of this.heartbeat) await this.heartbeat.send(frames);
  }

  private create(type: string, content: MessageContent, parent: KernelMessage["parent"], extras: Extras): Buffer[] {
    const { metadata = {}, buffers } = extras;
    const message = {
      ...createMessage(type, content, this.session),
      parent,
      metadata,
      ...(buffers ? { buffers } : {}),
    };
    return encodeMessage(message, this.info.key);
  }

  /** Answers a request on the channel it came by. */
  reply(request: Request, type: string, content: MessageContent, extras: Extras = {}): void {
    const frames = this.create(type, content, request.message.header, extras);
    this.queues[request.channel].send([...request.route, ...frames]);
  }

  /** Asks the client that sent this request for input. */
  ask(request: Request, content: MessageContent): void {
    this.queues.stdin.send([...request.route, ...this.create("input_request", content, request.message.header, {})]);
  }

  /** Tells every client something that belongs to this request. */
  publish(parent: KernelMessage["parent"], type: string, content: MessageContent, extras: Extras = {}): void {
    this.queues.iopub.send([Buffer.from(type), ...this.create(type, content, parent, extras)]);
  }

  /** Waits until everything is sent, then closes. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.queues).map((queue) => queue.empty()));
    for (const socket of [...Object.values(this.routers), this.iopub, this.heartbeat]) socket.close();
  }
}
