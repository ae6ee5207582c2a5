import { createHmac } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import {
  createConnectionFile,
  createMessage,
  decodeMessage,
  encodeMessage,
  findFreePorts,
} from "../../src/kernel/message";

const KEY = "secret";

describe("wire protocol messages", () => {
  it("are framed as delimiter, signature, header, parent, metadata, content", () => {
    const message = createMessage("execute_request", { code: "1 + 1" }, "session");
    const frames = encodeMessage(message, KEY);
    const body = frames.slice(2);
    expect(frames).toHaveLength(6);
    expect(frames[0]!.toString()).toBe("<IDS|MSG>");
    expect(frames[1]!.toString()).toBe(createHmac("sha256", KEY).update(Buffer.concat(body)).digest("hex"));
    expect(body.map((part) => JSON.parse(part.toString()))).toEqual([message.header, {}, {}, { code: "1 + 1" }]);
    expect(message.header).toMatchObject({ msg_type: "execute_request", session: "session", version: "5.4" });
  });

  it("come back as they were sent, whatever routing frames stand before them", () => {
    const message = createMessage("status", { execution_state: "idle", text: "ü ▲ \u2028" }, "s");
    expect(decodeMessage([Buffer.from("route"), Buffer.from([0, 255]), ...encodeMessage(message, KEY)], KEY)).toEqual(
      message,
    );
  });

  it("carry binary extras, which are not part of what is signed", () => {
    const message = {
      ...createMessage("comm_msg", { comm_id: "a" }, "s"),
      buffers: [Buffer.from([1, 2]), Buffer.alloc(0)],
    };
    expect(decodeMessage(encodeMessage(message, KEY), KEY)).toEqual(message);
  });

  it.each([
    ["another key", (frames: Buffer[]) => frames, "other"],
    ["changed content", (frames: Buffer[]) => [...frames.slice(0, 5), Buffer.from('{"code":"2"}')], KEY],
    [
      "a shortened signature",
      (frames: Buffer[]) => frames.map((frame, i) => (i === 1 ? frame.subarray(1) : frame)),
      KEY,
    ],
  ])("are refused with %s", (_name, change, key) => {
    const frames = change(encodeMessage(createMessage("execute_reply", { status: "ok" }, "s"), KEY));
    const attempt = (): unknown => decodeMessage(frames, key);
    expect(attempt).toThrow("decodeMessage: signature must be made with the connection's key; got another one.");
    expect(catchError(attempt)).toSatisfy((error) => isKernelError(error, "data"));
  });

  it("are refused without a delimiter, with too few parts, or with a part that is no JSON object", () => {
    const frames = encodeMessage(createMessage("status", {}, "s"), KEY);
    expect(() => decodeMessage(frames.slice(1), KEY)).toThrow(
      "frames must hold <IDS|MSG>, a signature and four parts; got 5.",
    );
    expect(() => decodeMessage(frames.slice(0, 5), KEY)).toThrow("got 5.");
    const bad = [frames[2]!, Buffer.from("[]"), Buffer.from("{}"), Buffer.from("{}")];
    const signature = Buffer.from(createHmac("sha256", KEY).update(Buffer.concat(bad)).digest("hex"));
    expect(() => decodeMessage([frames[0]!, signature, ...bad], KEY)).toThrow("parent must be a JSON object; got [].");
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

describe("connection file", () => {
  it("holds loopback, five different ports and a fresh 256-bit key, readable by this user only", async () => {
    const [first, second] = [await createConnectionFile("tslab"), await createConnectionFile("tslab")];
    const stored = JSON.parse(readFileSync(first.path, "utf8"));
    expect(stored).toEqual(first.info);
    expect(stored).toMatchObject({ transport: "tcp", ip: "127.0.0.1", signature_scheme: "hmac-sha256" });
    const ports = ["shell", "iopub", "stdin", "control", "hb"].map((name) => stored[`${name}_port`]);
    expect(new Set(ports).size).toBe(5);
    expect(stored.key).toMatch(/^[0-9a-f]{64}$/);
    expect(second.info.key).not.toBe(first.info.key);
    expect(statSync(first.path).mode & 0o077).toBe(0);
    await Promise.all([first.remove(), second.remove()]);
    expect(existsSync(dirname(first.path))).toBe(false);
  });

  it("findFreePorts gives different ports", async () => {
    expect(new Set(await findFreePorts(20)).size).toBe(20);
  });
});
