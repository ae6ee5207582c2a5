import { Socket } from "node:net";
import { afterAll, afterEach, beforeEach, expect, vi } from "vitest";

/**
 * Runs before every test file: a test that prints fails, and so does one that reaches beyond this machine.
 * The library never prints; programs that do are tested as child processes. Files may share a process: each finds the
 * environment and the sockets as the first one did.
 */
const METHODS = ["log", "info", "warn", "error", "debug"] as const;
const LOOPBACK = new Set(["localhost", "127.0.0.1", "::1"]);

let printed: string[] = [];
let spies: { mockRestore(): void }[] = [];

beforeEach(() => {
  printed = [];
  spies = METHODS.map((method) =>
    vi.spyOn(console, method).mockImplementation((...values) => {
      printed.push(`console.${method}: ${values.join(" ").slice(0, 300)}`);
    }),
  );
});

afterEach(() => {
  for (const spy of spies) spy.mockRestore();
  expect(printed, "the library must not print").toEqual([]);
});

const environment = { ...process.env };
process.env["JOMED_DRAWINGS"] = "fresh"; // what an earlier run drew proves nothing
afterAll(() => {
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

const { connect } = Socket.prototype;
afterAll(() => {
  Socket.prototype.connect = connect;
});
Socket.prototype.connect = function guarded(this: Socket, ...parameters: unknown[]): Socket {
  const first = Array.isArray(parameters[0]) ? parameters[0][0] : parameters[0];
  const host = typeof first === "object" && first !== null ? (first as { host?: string }).host : undefined;
  if (host !== undefined && !LOOPBACK.has(host)) throw new Error(`A test reached for the network: ${host}.`);
  return Reflect.apply(connect, this, parameters) as Socket;
};
