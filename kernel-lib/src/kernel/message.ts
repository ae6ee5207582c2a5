import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError } from "../base/errors";

/** Who sent a message, when, and of which type. */
interface MessageHeader {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

export type MessageContent = Readonly<Record<string, unknown>>;

/** One message of the Jupyter wire protocol 5.4. */
export interface KernelMessage {
  readonly header: MessageHeader;
  readonly parent: Partial<MessageHeader>;
  readonly metadata: MessageContent;
  readonly content: MessageContent;
  /** Binary extras (of comms). Default: none. */
  readonly buffers?: readonly Uint8Array[];
}

export const PROTOCOL_VERSION = "5.4";
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
  return [
    DELIMITER,
    Buffer.from(sign(key, parts)),
    ...parts,
    ...(message.buffers ?? []).map((one) => Buffer.from(one)),
  ];
}

/** The frames before the delimiter: where a message came from, and where its answer goes. */
export function routingFrames(frames: readonly Buffer[]): readonly Buffer[] {
  const start = frames.findIndex((frame) => frame.equals(DELIMITER));
  return frames.slice(0, Math.max(0, start));
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

/** What is needed of a header; some kernels leave out the rest. */
function isHeader(value: MessageContent): value is MessageContent & MessageHeader {
  return typeof value["msg_type"] === "string" && typeof value["msg_id"] === "string";
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
  const expected = Buffer.from(sign(key, parts.slice(0, 4)));
  const received = frames[start + 1]!;
  const isSigned = received.length === expected.length && timingSafeEqual(received, expected);
  // an empty key switches signatures off
  if (key !== "" && !isSigned)
    throw new DataError("decodeMessage: signature must be made with the connection's key; got another one.", {
      field: "signature",
    });
  const [header, parent, metadata, content] = ["header", "parent", "metadata", "content"].map((name, i) =>
    parsePart(parts[i]!, name),
  );
  if (!isHeader(header!))
    throw new DataError("decodeMessage: header must name msg_id and msg_type.", { field: "header" });
  const message = { header, parent: parent!, metadata: metadata!, content: content! };
  return parts.length === 4 ? message : { ...message, buffers: parts.slice(4) };
}

/** What a connection file says: where the kernel's five sockets listen, and the key its messages are signed with. */
export interface ConnectionInfo {
  readonly transport: "tcp";
  readonly ip: "127.0.0.1";
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  readonly key: string;
  readonly signature_scheme: "hmac-sha256";
  readonly kernel_name: string;
}

/** A connection file on disk; remove() deletes it and its folder. */
export interface ConnectionFile {
  readonly path: string;
  readonly info: ConnectionInfo;
  remove(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";

function listenAnywhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, LOOPBACK, () => resolve(server));
  });
}

/** Free loopback ports. All are held until the last is found, so no two are equal; another program may still take one before its use. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Writes a connection file with fresh ports and a random 256-bit key, readable by this user only, in a temporary folder of its own. */
export async function createConnectionFile(kernelName: string): Promise<ConnectionFile> {
  const [shell, iopub, stdin, control, heartbeat] = (await findFreePorts(5)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const info: ConnectionInfo = {
    transport: "tcp",
    ip: LOOPBACK,
    shell_port: shell,
    iopub_port: iopub,
    stdin_port: stdin,
    control_port: control,
    hb_port: heartbeat,
    key: randomBytes(32).toString("hex"),
    signature_scheme: "hmac-sha256",
    kernel_name: kernelName,
  };
  const folder = await mkdtemp(join(tmpdir(), "jomed-kernel-"));
  const path = join(folder, "connection.json");
  await writeFile(path, JSON.stringify(info), { mode: 0o600, flag: "wx" });
  return { path, info, remove: () => rm(folder, { recursive: true, force: true }) };
}
