import type { MessageContent } from "../message";
import type { Request } from "./wire";

/**
 * What front ends say to widgets, on its way to the cells: one message after the other, each when the one before has been taken.
 * So a front end hears "idle" when its message has had its effect, which those of Jupyter wait for; for others, whatever a newer
 * message makes stale is left out: the queue cannot grow beyond the fields there are.
 */

interface Waiting {
  request: Request;
  /** Its sender is told. */
  done: () => void;
}

/** The fields that an update of a widget's state sets; null for every other message. */
function updatedFields({ message }: Request): ReadonlySet<string> | null {
  const data = (message.content["data"] ?? {}) as MessageContent;
  if (message.header.msg_type !== "comm_msg" || data["method"] !== "update") return null;
  const paths = Array.isArray(data["buffer_paths"]) ? (data["buffer_paths"] as unknown[][]) : [];
  return new Set([...Object.keys((data["state"] ?? {}) as object), ...paths.map((path) => String(path?.[0]))]);
}

/**
 * Whether the newer update says everything anew that the older said, to the same widget. Of another client it does not count:
 * each waits for the echo of its own last value.
 */
function makesStale(newer: Request, older: Request): boolean {
  const [fields, before] = [updatedFields(newer), updatedFields(older)];
  if (fields === null || before === null) return false;
  const isSame = (of: (request: Request) => unknown): boolean => of(newer) === of(older);
  const isSameSide =
    isSame(({ message }) => message.content["comm_id"]) && isSame(({ message }) => message.header.session);
  return isSameSide && [...before].every((field) => fields.has(field));
}

export class CommQueue {
  private readonly waiting: Waiting[] = [];
  private working: Promise<void> | null = null;
  private readonly send: (request: Request) => Promise<void>;

  /** @param send gives a message to the cells; resolves when it has been taken. */
  constructor(send: (request: Request) => Promise<void>) {
    this.send = send;
  }

  /** Resolves when the message has been taken, or a newer one has taken its place. */
  pass(request: Request): Promise<void> {
    return new Promise((done) => {
      const stale = this.findStale(request);
      if (stale === undefined) this.waiting.push({ request, done });
      else {
        stale.done();
        Object.assign(stale, { request, done });
      }
      this.working ??= this.work();
    });
  }

  /** The update that this one stands for; nothing that came after another kind of message may be left out of its order. */
  private findStale(request: Request): Waiting | undefined {
    for (const one of [...this.waiting].reverse()) {
      if (updatedFields(one.request) === null) return undefined;
      if (makesStale(request, one.request)) return one;
    }
    return undefined;
  }

  private async work(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      try {
        await this.send(next.request);
      } catch (error) {
        process.stderr.write(`kernel-lib: a message to a widget was left out: ${(error as Error).message}\n`);
      }
      next.done();
    }
    this.working = null;
  }

  /** Resolves when everything that came so far has been taken. */
  async empty(): Promise<void> {
    await this.working;
  }

  /** How many wait. */
  get length(): number {
    return this.waiting.length;
  }
}
