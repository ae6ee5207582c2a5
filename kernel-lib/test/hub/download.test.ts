import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { downloadFile } from "../../src/hub/download";
import { refusal } from "../data/helpers";
import { type FileServer, type Misbehaviour, startFileServer } from "../helpers/file-server";

const CONTENT = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251));
const MD5 = createHash("md5").update(CONTENT).digest("hex");
const DIGEST = { kind: "md5", value: MD5 } as const;
let folder = "";
let server: FileServer | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "download-"));
});
afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(folder, { recursive: true });
});

const file = () => join(folder, "medmnist", "a.npz");

async function fetchFrom(misbehave: Misbehaviour, options: object = {}, tag?: string) {
  server = await startFileServer(CONTENT, misbehave, tag);
  return downloadFile({
    url: server.url,
    file: file(),
    digest: DIGEST,
    retryMs: 1,
    retries: 3,
    idleMs: 5000,
    ...options,
  });
}

/** Bytes that the download has on disk so far. */
function held(): number {
  const place = join(folder, "medmnist");
  const part = existsSync(place) ? readdirSync(place).find((name) => name.endsWith(".part")) : undefined;
  return part === undefined ? 0 : statSync(join(place, part)).size;
}

/** Sends the first `count` bytes of the whole file and breaks the connection once they are on the disk. */
const breakAfter =
  (count: number, tag = '"v1"'): Misbehaviour =>
  (k, _request, response) => {
    if (k > 0) return false;
    response.writeHead(200, { etag: tag, "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, count));
    const timer = setInterval(() => {
      if (held() < count) return;
      clearInterval(timer);
      response.destroy();
    }, 5);
    return true;
  };

test("a file arrives whole, with progress, and nothing else is left beside it", async () => {
  const seen: number[] = [];
  const control = { onProgress: ({ done, total }: { done: number; total: number }) => seen.push(done / total) };
  expect(await fetchFrom(() => false, { control })).toBe("fetched");
  expect(readFileSync(file()).equals(CONTENT)).toBe(true);
  expect(readdirSync(join(folder, "medmnist"))).toEqual(["a.npz"]);
  expect(seen.at(-1)).toBe(1);
  expect(await downloadFile({ url: server!.url, file: file(), digest: DIGEST })).toBe("present");
  expect(server!.requests).toHaveLength(1);
});

test("a broken connection is taken up where it broke", async () => {
  const warnings: string[] = [];
  const control = { onWarn: (_code: string, message: string) => warnings.push(message) };
  expect(await fetchFrom(breakAfter(60_000), { control })).toBe("fetched");
  expect(readFileSync(file()).equals(CONTENT)).toBe(true);
  expect(server!.requests).toEqual(["/file", "/file bytes=60000-"]);
  expect(warnings[0]).toMatch(/connection to http.* broke .*going on/);
});

test("a file that changed on the server meanwhile is fetched from its beginning", async () => {
  expect(await fetchFrom(breakAfter(60_000, '"v0"'))).toBe("fetched");
  expect(server!.requests).toEqual(["/file", "/file bytes=60000-"]);
  expect(readFileSync(file()).equals(CONTENT)).toBe(true);
});

test("an interrupted download goes on at the next call", async () => {
  const never: Misbehaviour = (k, request, response) => breakAfter(50_000)(k === 0 ? 0 : 1, request, response);
  const error = await refusal(() => fetchFrom(never, { retries: 0 }));
  expect(error.code).toBe("environment");
  expect(error.message).toMatch(/must arrive whole within 1 attempts; .*Try again: it goes on where it stopped/);
  expect(existsSync(file())).toBe(false);
  expect(await downloadFile({ url: server!.url, file: file(), digest: DIGEST })).toBe("fetched");
  expect(server!.requests.at(-1)).toBe("/file bytes=50000-");
});

test("wrong bytes are refused with both sums and not kept", async () => {
  const wrong: Misbehaviour = (_k, _request, response) => {
    response.end(Buffer.from("<html>login</html>"));
    return true;
  };
  const error = await refusal(() => fetchFrom(wrong));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(new RegExp(`must have the published md5 ${MD5}; got [0-9a-f]{32}`));
  expect(readdirSync(join(folder, "medmnist"))).toEqual([]);
});

test("redirects are followed", async () => {
  const redirect: Misbehaviour = (_k, request, response) => {
    if (request.url !== "/file") return false;
    response.writeHead(302, { location: "/elsewhere" }).end();
    return true;
  };
  expect(await fetchFrom(redirect)).toBe("fetched");
  expect(server!.requests).toEqual(["/file", "/elsewhere"]);
});

test("a server that falls silent is given up after the stated time and asked again", async () => {
  const silent: Misbehaviour = (k, _request, response) => {
    if (k > 0) return false;
    response.writeHead(200, { etag: '"v1"', "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 1000));
    return true;
  };
  expect(await fetchFrom(silent, { idleMs: 300 })).toBe("fetched");
  expect(server!.requests.length).toBeGreaterThan(1);
});

test("a busy server is asked again, a missing file is not", async () => {
  const busy: Misbehaviour = (k, _request, response) => {
    if (k > 1) return false;
    response.writeHead(503).end();
    return true;
  };
  expect(await fetchFrom(busy)).toBe("fetched");
  expect(server!.requests).toHaveLength(3);
  await server!.close();
  rmSync(file());
  const missing: Misbehaviour = (_k, _request, response) => {
    response.writeHead(404).end();
    return true;
  };
  const error = await refusal(() => fetchFrom(missing));
  expect(error.message).toMatch(/must answer 200; got status 404/);
  expect(server!.requests).toHaveLength(1);
});

test("more bytes than allowed are refused, declared or not", async () => {
  expect((await refusal(() => fetchFrom(() => false, { maxBytes: 1000 }))).message).toMatch(
    /at most 1000 bytes; got 200000/,
  );
  await server!.close();
  const undeclared: Misbehaviour = (_k, _request, response) => {
    response.writeHead(200);
    response.write(CONTENT);
    response.end();
    return true;
  };
  expect((await refusal(() => fetchFrom(undeclared, { maxBytes: 1000 }))).message).toMatch(
    /at most 1000 bytes; got more/,
  );
});

test("an abort ends the download as an interruption", async () => {
  const stop = new AbortController();
  const slow: Misbehaviour = (_k, _request, response) => {
    response.writeHead(200, { "content-length": CONTENT.length });
    response.write(CONTENT.subarray(0, 1000), () => stop.abort());
    return true;
  };
  expect((await refusal(() => fetchFrom(slow, { control: { signal: stop.signal } }))).code).toBe("interrupted");
});

test("an empty file arrives, too", async () => {
  const empty = { kind: "md5", value: createHash("md5").digest("hex") } as const;
  const answer: Misbehaviour = (_k, _request, response) =>
    response.writeHead(200, { "content-length": 0 }).end() !== undefined;
  expect(await fetchFrom(answer, { bytes: 0, digest: empty })).toBe("fetched");
  expect(statSync(file()).size).toBe(0);
});
