/** What tslab 1.0.22 gets wrong, mended from outside; tslab-fixes.ts puts it into the running kernel. */

/** What expandShorthand uses of the TypeScript compiler; the kernel brings its own copy. */
export interface SyntaxTree {
  readonly ScriptTarget: { readonly Latest: number };
  createSourceFile(name: string, text: string, target: number, setParentNodes: false): unknown;
  forEachChild(node: unknown, visit: (node: unknown) => void): void;
  isShorthandPropertyAssignment(
    node: unknown,
  ): node is { readonly name: { readonly text: string; readonly end: number } };
}

/**
 * Writes `{ seed }` out as `{ seed: seed }`, which means the same. tslab 1.0.22 finds the variables of earlier cells
 * everywhere but in this short form: there it would end in a ReferenceError.
 */
export function expandShorthand(compiler: SyntaxTree, source: string): string {
  const names: { text: string; end: number }[] = [];
  const visit = (node: unknown): void => {
    if (compiler.isShorthandPropertyAssignment(node)) names.push(node.name);
    compiler.forEachChild(node, visit);
  };
  visit(compiler.createSourceFile("cell.ts", source, compiler.ScriptTarget.Latest, false));
  let expanded = source;
  for (const { text, end } of names.sort((a, b) => b.end - a.end))
    expanded = `${expanded.slice(0, end)}: ${text}${expanded.slice(end)}`;
  return expanded;
}

/** A zeromq socket class, as far as its sending goes. */
interface SendingSocket {
  sendHighWaterMark: number;
  bind(address: string): Promise<void>;
  send(message: unknown): Promise<void>;
}

/**
 * Makes all sockets of a class keep every message until it is sent, however many wait.
 *
 * By default zeromq keeps 1,000 a connection. A publishing socket drops what comes beyond that without a word, so that a cell
 * that prints faster than its reader reads lost lines, its figures, or its last value. Here they wait in memory.
 *
 * @param prototype of the socket class; its `bind` is replaced, since a limit holds for connections made after it was set.
 */
export function keepEveryMessage(prototype: Pick<SendingSocket, "sendHighWaterMark" | "bind">): void {
  const bind = prototype.bind;
  const unlimited = function (this: typeof prototype, address: string): Promise<void> {
    this.sendHighWaterMark = 0; // none
    return bind.call(this, address);
  };
  Object.defineProperty(prototype, "bind", { value: unlimited, configurable: true, writable: true });
}

/** What one socket has under way. */
interface Line {
  /** Settles when the last message given is handed over. */
  last: Promise<void>;
  /** Messages that wait for their turn. */
  waiting: number;
}

/**
 * Makes all sockets of a class send one message after the other, in the order they were given.
 *
 * A zeromq socket that cannot hand a message over at once refuses the next with EBUSY; a program that does not wait, as tslab
 * does not, loses the next. Here a refused message waits for the one under way. Whatever the socket takes goes out at once, as
 * before: a cell that never gives way to events still shows what it writes.
 *
 * @param prototype of the socket class; its `send` is replaced.
 */
export function queueSends(prototype: Pick<SendingSocket, "send">): void {
  const send = prototype.send;
  const lines = new WeakMap<typeof prototype, Line>();

  const queued = function (this: typeof prototype, message: unknown): Promise<void> {
    const line = lines.get(this) ?? { last: Promise.resolve(), waiting: 0 };
    lines.set(this, line);
    const wait = (): Promise<void> => {
      line.waiting++;
      return line.last.then(() => {
        line.waiting--;
        return send.call(this, message);
      });
    };
    const sent = line.waiting > 0 ? wait() : sendOr(wait, () => send.call(this, message));
    line.last = sent.catch(() => {}); // the caller hears of it; the next message is sent all the same
    return sent;
  };
  // defined, not assigned: zeromq inherits a `send` that cannot be assigned to
  Object.defineProperty(prototype, "send", { value: queued, configurable: true, writable: true });
}

function sendOr(wait: () => Promise<void>, send: () => Promise<void>): Promise<void> {
  try {
    return send();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    return wait();
  }
}
