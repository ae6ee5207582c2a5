import {
  type ConnectionInfo,
  createConnectionFile,
  createMessage,
  type KernelMessage,
  type MessageContent,
} from "../../src/kernel/message";
import { KernelProcess } from "../../src/kernel/process";
import { KernelSockets } from "../../src/kernel/sockets";
import { createKernelSpec } from "../../src/notebook/runner";

/** What a request to the kernel gave: its reply, and what was published for it, in order. */
export interface Exchange {
  readonly reply: KernelMessage;
  readonly published: readonly KernelMessage[];
}

interface Open {
  reply: KernelMessage | null;
  readonly published: KernelMessage[];
  readonly check: () => void;
}

type Sending = "shell" | "control";

/** A kernel and one client that sees every message; any request of the protocol can be sent. */
export class KernelSession {
  readonly process: KernelProcess;
  readonly connection: ConnectionInfo;
  readonly sockets: KernelSockets;
  readonly all: KernelMessage[] = [];
  /** Answers the kernel's questions. */
  onInput: (prompt: string) => string = () => "";
  private readonly open = new Map<string, Open>();
  private readonly remove: () => Promise<void>;

  private constructor(
    process: KernelProcess,
    connection: ConnectionInfo,
    sockets: (session: KernelSession) => KernelSockets,
    remove: () => Promise<void>,
  ) {
    this.process = process;
    this.connection = connection;
    this.remove = remove;
    this.sockets = sockets(this);
  }

  static async start(root: string, cwd: string, env: Record<string, string> = {}): Promise<KernelSession> {
    const connection = await createConnectionFile("tslab");
    const process = new KernelProcess(createKernelSpec(root, cwd, env), connection.path);
    const fail = (error: unknown): never => {
      throw error;
    };
    const session = new KernelSession(
      process,
      connection.info,
      (own) =>
        new KernelSockets(connection.info, "test-session", (channel, message) => own.take(channel, message), fail),
      () => connection.remove(),
    );
    for (let tries = 0; tries < 100; tries++) {
      const info = await Promise.race([session.request("kernel_info_request"), pause(300)]);
      if (info !== undefined) return session;
    }
    throw new Error(`the kernel did not answer: ${process.lastOutput}`);
  }

  private take(channel: string, message: KernelMessage): void {
    this.all.push(message);
    const open = this.open.get(message.parent.msg_id ?? "");
    if (open === undefined) return;
    if (channel === "iopub") open.published.push(message);
    else if (channel === "stdin") void this.answer(message);
    else open.reply = message;
    open.check();
  }

  private async answer(message: KernelMessage): Promise<void> {
    const value = this.onInput(String(message.content["prompt"]));
    await this.sockets.send("stdin", {
      ...createMessage("input_reply", { value }, "test-session"),
      parent: message.header,
    });
  }

  /** Sends a request; resolves with its reply and what was published for it until the kernel is idle again. */
  request(type: string, content: MessageContent = {}, channel: Sending = "shell"): Promise<Exchange> {
    const message = createMessage(type, content, "test-session");
    return new Promise((resolve, reject) => {
      const published: KernelMessage[] = [];
      const check = (): void => {
        const { reply } = this.open.get(message.header.msg_id)!;
        const isIdle = published.some((one) => one.content["execution_state"] === "idle");
        if (reply !== null && isIdle) resolve({ reply, published });
      };
      this.open.set(message.header.msg_id, { reply: null, published, check });
      this.sockets.send(channel, message).catch(reject);
    });
  }

  execute(code: string, options: MessageContent = {}): Promise<Exchange> {
    return this.request("execute_request", {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: true,
      stop_on_error: true,
      ...options,
    });
  }

  async close(): Promise<void> {
    this.process.signal("SIGTERM");
    await this.process.exited;
    this.sockets.close();
    await this.remove();
  }
}

export const pause = (ms: number): Promise<undefined> => new Promise((done) => setTimeout(() => done(undefined), ms));

/** The text of the published streams with this name. */
export function streamText({ published }: Exchange, name = "stdout"): string {
  return published
    .filter(({ header, content }) => header.msg_type === "stream" && content["name"] === name)
    .map(({ content }) => content["text"])
    .join("");
}

/** The content of the first published message of this type. */
export function contentOf({ published }: Exchange, type: string): MessageContent | undefined {
  return published.find(({ header }) => header.msg_type === type)?.content;
}

/** The result of a cell as text. */
export function resultText(exchange: Exchange): string | undefined {
  const data = contentOf(exchange, "execute_result")?.["data"] as Record<string, string> | undefined;
  return data?.["text/plain"];
}
