/** A zeromq socket class, as far as its sending goes. */
interface SendingSocket {
  send(message: unknown): Promise<void>;
}

/**
 * Makes all sockets of a class send one message after the other, in the order they were given.
 *
 * A zeromq socket takes one message at a time and refuses the next with EBUSY until the first is handed over; a program that
 * does not wait, as tslab does not, loses the next. With nothing under way a message goes out at once, as before.
 *
 * @param prototype of the socket class; its `send` is replaced.
 */
export function queueSends(prototype: SendingSocket): void {
  const send = prototype.send;
  const underWay = new WeakMap<SendingSocket, Promise<void>>();
  const queued = function (this: SendingSocket, message: unknown): Promise<void> {
    const before = underWay.get(this);
    const sent = before === undefined ? send.call(this, message) : before.then(() => send.call(this, message));
    const settled = sent
      .catch(() => {}) // the caller hears of it; the next message is sent all the same
      .then(() => {
        if (underWay.get(this) === settled) underWay.delete(this);
      });
    underWay.set(this, settled);
    return sent;
  };
  // defined, not assigned: zeromq inherits a `send` that cannot be assigned to
  Object.defineProperty(prototype, "send", { value: queued, configurable: true, writable: true });
}
