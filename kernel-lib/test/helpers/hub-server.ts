import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request that a server got. */
export interface Seen {
  readonly server: "hub" | "store";
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** Answers a request another way than the rules say: true when it did. */
export type Mischief = (seen: Seen, response: ServerResponse) => boolean;

/** A hub on this machine: its interface on one port, large files, redirected to, on another. */
export interface HubServer {
  readonly endpoint: string;
  readonly seen: Seen[];
  /** Replaced to misbehave. */
  mischief: Mischief;
  /** What the model holds. */
  readonly files: Map<string, Buffer>;
  /** Entries of the listing that no file stands behind. */
  readonly phantoms: object[];
  commit: string;
  close(): Promise<void>;
}

export const HUB_MODEL = "some-owner/Some-Model";
const PAGE = 3;

const gitBlob = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** A file as the hub's tree lists it: safetensors in LFS, with the digest of the pointer beside it. */
function entryOf(path: string, bytes: Buffer): object {
  const plain = { type: "file", path, size: bytes.length, oid: gitBlob(bytes) };
  if (!path.endsWith(".safetensors")) return plain;
  return { ...plain, oid: "0".repeat(40), lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } };
}

function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

/** The whole file, or what a Range with the right If-Range asks for. */
export function sendFile(request: Pick<IncomingMessage, "headers">, response: ServerResponse, bytes: Buffer): void {
  const etag = `"${sha256(bytes).slice(0, 12)}"`;
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const from = request.headers["if-range"] === etag ? start : 0;
  if (from >= bytes.length && from > 0) return void response.writeHead(416).end();
  const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(from > 0 ? 206 : 200, { etag, "content-length": bytes.length - from, ...(from > 0 ? range : {}) });
  response.end(bytes.subarray(from));
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Serves one model or data set, `HUB_MODEL` unless another is named, in any revision. */
export async function startHubServer(files: ReadonlyMap<string, Buffer>, id = HUB_MODEL): Promise<HubServer> {
  const seen: Seen[] = [];
  const note = (server: Seen["server"], { url, headers }: IncomingMessage): Seen => {
    const { range = null, authorization = null } = headers;
    const entry = { server, path: url!, range, authorization };
    seen.push(entry);
    return entry;
  };
  const store = await listen((request, response) => {
    if (hub.mischief(note("store", request), response)) return;
    sendFile(request, response, hub.files.get(decodeURIComponent(request.url!.slice(1)))!);
  });
  const front = await listen((request, response) => {
    if (hub.mischief(note("hub", request), response)) return;
    const url = new URL(request.url!, front.origin);
    const [, path] = /\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(url.pathname) ?? [];
    if (!url.pathname.includes(id)) response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
    else if (/\/revision\/[^/]+$/.test(url.pathname)) sendJson(response, { id, sha: hub.commit });
    else if (url.pathname.endsWith(`/tree/${hub.commit}`)) sendPage(response, url);
    else if (path === undefined || !hub.files.has(path)) response.writeHead(404).end();
    else if (!path.endsWith(".safetensors")) sendFile(request, response, hub.files.get(path)!);
    else response.writeHead(302, { location: `${store.origin}/${encodeURIComponent(path)}` }).end();
  });
  const sendPage = (response: ServerResponse, url: URL): void => {
    const entries = [...[...hub.files].map(([path, bytes]) => entryOf(path, bytes)), ...hub.phantoms];
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const link = `<${url.origin}${url.pathname}?cursor=${from + PAGE}>; rel="next"`;
    sendJson(response, entries.slice(from, from + PAGE), from + PAGE < entries.length ? { link } : {});
  };
  const hub: HubServer = {
    endpoint: front.origin,
    seen,
    mischief: () => false,
    files: new Map(files),
    phantoms: [],
    commit: "0123456789abcdef0123456789abcdef01234567",
    close: async () => {
      for (const { server } of [front, store]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  return hub;
}
