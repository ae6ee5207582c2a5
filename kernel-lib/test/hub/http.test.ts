import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openUrl, retryConnection } from "../../src/hub/http";
import { refusal } from "../data/helpers";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A server that answers with `locationOf(path)` as redirects and notes who asked for what. */
async function start(locationOf: (path: string) => string | null, seen: string[]): Promise<string> {
  const server = createServer(({ url, headers }, response) => {
    seen.push(`${url} ${headers.authorization ?? "-"}`);
    const location = locationOf(url!);
    if (location === null) response.end("here");
    else response.writeHead(307, { location }).end();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const never = new AbortController().signal;

test("a token follows redirects within its origin, and is gone for good once they lead elsewhere", async () => {
  const seen: string[] = [];
  let [home, away] = ["", ""];
  home = await start((path) => ({ "/a": "/b", "/b": `${away}/c` })[path] ?? null, seen);
  away = await start((path) => (path === "/c" ? `${home}/d` : null), seen);
  const response = await openUrl({ url: `${home}/a`, token: "secret", headers: { range: "bytes=1-" } }, never);
  expect(await response.text()).toBe("here");
  expect(seen).toEqual(["/a Bearer secret", "/b Bearer secret", "/c -", "/d -"]);
});

test("another name of the same machine is another origin", async () => {
  const seen: string[] = [];
  let home = "";
  home = await start((path) => (path === "/a" ? `${home.replace("127.0.0.1", "localhost")}/b` : null), seen);
  await (await openUrl({ url: `${home}/a`, token: "secret" }, never)).text();
  expect(seen).toEqual(["/a Bearer secret", "/b -"]);
});

test.each(["ftp://127.0.0.1/x", "data:text/plain,x", "http://["])("a redirect to %s is refused", async (location) => {
  const home = await start(() => location, []);
  const error = await refusal(() => openUrl({ url: `${home}/a` }, never));
  expect(error.code).toBe("environment");
  expect(error.message).toMatch(/must redirect to an address of the web, https staying https/);
});

test("what breaks is tried again as often as allowed, an error of the library is not", async () => {
  let count = 0;
  const options = { url: "http://x", retries: 2, retryMs: 1 };
  const broken = () => {
    count++;
    throw new TypeError("fetch failed", { cause: new Error("reset") });
  };
  const error = await refusal(() => retryConnection("test", options, broken));
  expect(error.message).toMatch(/^test: http:\/\/x must arrive whole within 3 attempts; got reset\./);
  expect(count).toBe(3);
  const stop = new AbortController();
  const aborted = retryConnection("test", { ...options, control: { signal: stop.signal } }, async () => {
    stop.abort();
    throw new Error("aborted");
  });
  expect((await refusal(() => aborted)).code).toBe("interrupted");
});
