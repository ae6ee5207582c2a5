import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on this machine that hands out one file, well or badly. */
export interface FileServer {
  readonly url: string;
  /** One line a request: path and range. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** What the server does with its k-th request (from 0). Return true when the answer is complete, false for the plain file. */
export type Misbehaviour = (k: number, request: IncomingMessage, response: ServerResponse) => boolean;

/** Serves `content`, ranges too, unless the misbehaviour answers first. */
export async function startFileServer(
  content: Buffer,
  misbehave: Misbehaviour = () => false,
  tag = '"v1"',
): Promise<FileServer> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const { range } = request.headers;
    requests.push(`${request.url} ${range ?? ""}`.trim());
    if (misbehave(requests.length - 1, request, response)) return;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const isPart = start > 0 && request.headers["if-range"] === tag;
    const from = isPart ? start : 0;
    response.writeHead(isPart ? 206 : 200, {
      etag: tag,
      "content-length": content.length - from,
      ...(isPart ? { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    });
    response.end(content.subarray(from));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/file`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
