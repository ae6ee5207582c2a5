import { Dealer, Request, Subscriber } from "zeromq";
import { type ConnectionInfo, decodeMessage, encodeMessage, type KernelMessage } from "./message";

export type Channel = "shell" | "control" | "stdin" | "iopub";

/** The client's ends of a kernel's five sockets. Every message received is checked and handed to `onMessage`. */
export class KernelSockets {
  private readonly dealers: Readonly<Record<"shell" | "control" | "stdin", Dealer>>;
  private readonly iopub: Subscriber;
  private readonly info: ConnectionInfo;
  private state: "open" | "closed" = "open";

  constructor(
    info: ConnectionInfo,
    session: string,
    onMessage: (channel: Channel, message: KernelMessage) => void,
    onError: (error: unknown) => void,
  ) {
    this.info = info;
    // shell and stdin share the routing id: a kernel addresses its input requests to the shell client that asked
    const create = (): Dealer => new Dealer({ routingId: session, linger: 0 });
    this.dealers = { shell: create(), control: create(), stdin: create() };
    this.iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
    for (const name of ["shell", "control", "stdin"] as const) {
      this.dealers[name].connect(this.address(info[`${name}_port`]));
      void this.receive(this.dealers[name], name, onMessage, onError);
    }
    this.iopub.connect(this.address(info.iopub_port));
    this.iopub.subscribe();
    void this.receive(this.iopub, "iopub", onMessage, onError);
  }

  private address(port: number): string {
    return `${this.info.transport}://${this.info.ip}:${port}`;
  }

  private async receive(
    socket: Dealer | Subscriber,
    channel: Channel,
    onMessage: (channel: Channel, message: KernelMessage) => void,
    onError: (error: unknown) => void,
  ): Promise<void> {
    try {
      for await (const frames of socket) onMessage(channel, decodeMessage(frames, this.info.key));
    } catch (error) {
      if (this.state === "open") onError(error);
    }
  }

  async send(channel: "shell" | "control" | "stdin", message: KernelMessage): Promise<void> {
    await this.dealers[channel].send(encodeMessage(message, this.info.key));
  }

  /** Whether the kernel's heartbeat answers within this time. A busy single-threaded kernel may be silent and still be well. */
  async heartbeat(timeoutMs: number): Promise<"alive" | "silent"> {
    const socket = new Request({ linger: 0, receiveTimeout: timeoutMs, sendTimeout: timeoutMs });
    try {
      socket.connect(this.address(this.info.hb_port));
      await socket.send("ping");
      await socket.receive();
      return "alive";
    } catch {
      return "silent";
    } finally {
      socket.close();
    }
  }

  close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    for (const dealer of Object.values(this.dealers)) dealer.close();
    this.iopub.close();
  }
}
