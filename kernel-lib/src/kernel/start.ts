import { InterruptedError } from "../base/errors";
import { KernelClient } from "./client";
import { createConnectionFile } from "./connection";
import { KernelStartError } from "./errors";
import { KernelProcess, type KernelSpec } from "./kernel-process";
import type { MessageContent } from "./message";

export interface StartKernelOptions {
  /** Longest time until the kernel answers, in ms. Default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A kernel that has answered, and what it said of itself. */
export interface StartedKernel {
  readonly client: KernelClient;
  readonly info: MessageContent;
}

const ASK_EVERY_MS = 500;
const PORT_TAKEN = /address already in use|EADDRINUSE/i;
const MAX_ATTEMPTS = 3;

type Outcome = MessageContent | "port-taken" | "timeout";

async function untilReady(client: KernelClient, timeoutMs: number, signal?: AbortSignal): Promise<Outcome> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (signal?.aborted) throw new InterruptedError("startKernel: interrupted.");
    const info = await client.kernelInfo(Math.min(ASK_EVERY_MS, Math.max(1, deadline - Date.now())));
    if (info !== null) return info;
    if (PORT_TAKEN.test(client.process.lastOutput)) return "port-taken";
  }
  return "timeout";
}

/**
 * Starts a kernel from its argv and waits until it answers and its published messages arrive.
 * When another program took one of its ports in between, it is started again with other ports.
 *
 * @throws KernelStartError when it does not answer in time. KernelDiedError when its process ends first.
 */
export async function startKernel(spec: KernelSpec, options: StartKernelOptions = {}): Promise<StartedKernel> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  for (let attempt = 1; ; attempt++) {
    const connection = await createConnectionFile(spec.name);
    let client: KernelClient | undefined;
    try {
      const process = new KernelProcess(spec, connection.path);
      client = new KernelClient(process, connection, spec.interruptMode ?? "signal");
      const outcome = await untilReady(client, timeoutMs, options.signal);
      if (outcome !== "port-taken" && outcome !== "timeout") return { client, info: outcome };
      if (outcome === "port-taken" && attempt < MAX_ATTEMPTS) {
        await client.shutdown();
        continue;
      }
      const wrote = process.lastOutput === "" ? "" : ` Its last output:\n${process.lastOutput}`;
      throw new KernelStartError(
        `startKernel: kernel "${spec.name}" must answer within ${timeoutMs} ms; it did not. Try its command by hand: ${spec.argv.join(" ")}${wrote}`,
        { timeoutMs, argv: spec.argv, lastOutput: process.lastOutput },
      );
    } catch (error) {
      if (client === undefined) await connection.remove();
      else await client.shutdown();
      throw error;
    }
  }
}
