import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { DataError } from "../base/errors";

/** Who sent a message, when, and of which type. */
export interface MessageHeader {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

export type MessageContent = Readonly<Record<string, unknown>>;

/** One message of the Jupyter wire protocol 5.3. */
export interface KernelMessage {
  readonly header: MessageHeader;
  readonly parent: Partial<MessageHeader>;
  readonly metadata: MessageContent;
  readonly content: MessageContent;
}

export const PROTOCOL_VERSION = "5.3";
const DELIMITER = Buffer.from("<IDS|MSG>");

/** A new message of this type with its own id and an empty parent. */
export function createMessage(type: string, content: MessageContent, session: string): KernelMessage {
  const header: MessageHeader = {
    msg_id: randomBytes(16).toString("hex"),
    msg_type: type,
    session,
    username: "kernel-lib",
    date: new Date().toISOString(),
    version: PROTOCOL_VERSION,
  };
  return { header, parent: {}, metadata: {}, content };
}

function sign(key: string, parts: readonly Buffer[]): string {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}

/** The frames to send: delimiter, signature (HMAC-SHA256 of the four JSON parts), header, parent, metadata, content. */
export function encodeMessage(message: KernelMessage, key: string): Buffer[] {
  const parts = [message.header, message.parent, message.metadata, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return [DELIMITER, Buffer.from(sign(key, parts)), ...parts];
}

function parsePart(part: Buffer, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(part.toString("utf8"));
  } catch (cause) {
    throw new DataError(`decodeMessage: ${name} must be JSON; got ${part.length} other bytes.`, { field: name }, cause);
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new DataError(`decodeMessage: ${name} must be a JSON object; got ${JSON.stringify(value)}.`, { field: name });
}

/**
 * Reads the frames of one received message; frames before the delimiter are routing, frames after the content are binary extras.
 *
 * @throws DataError when the delimiter or a part is missing, the signature is not this key's (compared in constant time), or a part is not a JSON object.
 */
export function decodeMessage(frames: readonly Buffer[], key: string): KernelMessage {
  const start = frames.findIndex((frame) => frame.equals(DELIMITER));
  if (start < 0 || frames.length < start + 6)
    throw new DataError(
      `decodeMessage: frames must hold <IDS|MSG>, a signature and four parts; got ${frames.length}.`,
      {
        frames: frames.length,
      },
    );
  const parts = frames.slice(start + 2);
  const expected = Buffer.from(sign(key, parts));
  const received = frames[start + 1]!;
  if (received.length !== expected.length || !timingSafeEqual(received, expected))
    throw new DataError("decodeMessage: signature must be made with the connection's key; got another one.", {
      field: "signature",
    });
  const [header, parent, metadata, content] = ["header", "parent", "metadata", "content"].map((name, i) =>
    parsePart(parts[i]!, name),
  );
  if (typeof header!["msg_type"] !== "string" || typeof header!["msg_id"] !== "string")
    throw new DataError("decodeMessage: header must name msg_id and msg_type.", { field: "header" });
  return { header: header as unknown as MessageHeader, parent: parent!, metadata: metadata!, content: content! };
}
