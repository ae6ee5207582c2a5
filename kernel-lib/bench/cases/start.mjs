import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CHECKPOINTS, from, ROOT } from "../library.mjs";

const CHILD = fileURLToPath(new URL("../child.cjs", import.meta.url));

/** Runs a fresh process to its end; returns what it printed last, as JSON. */
function runChild(...parameters) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD, ...parameters], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${CHILD} must succeed; got exit status ${status}.\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** From nothing to an open engine: a process that loads the library, computes one product and ends. */
export function openStart() {
  return {
    name: "start of the library, engine open",
    run: () => runChild("library").product,
    peers: { "torch, transformers, peft": { case: "start" } },
    result: "same",
    work: "other programs",
    pairs: 2,
  };
}

/** From nothing to the first answer of a notebook's kernel, and its end. */
export function openKernelStart() {
  const { startKernel } = from("kernel/client");
  const { createKernelSpec } = from("notebook/runner");
  const run = async () => {
    const { client } = await startKernel(createKernelSpec(ROOT, ROOT));
    try {
      const { status } = await client.execute("1 + 1");
      if (status !== "ok") throw new Error(`bench: the kernel must run a cell; got status ${status}.`);
    } finally {
      await client.shutdown();
    }
  };
  return { name: "start of a notebook's kernel, first cell", run, peers: {}, warm: "no", pairs: 3 };
}

/** Resident memory, in MiB, of processes that hold the library, and that have loaded both replica models and embedded with one. */
export async function measureMemory(peer) {
  const own = { library: runChild("library").residentMiB, models: runChild("models", CHECKPOINTS).residentMiB };
  if (peer === null) return { own, peer: null };
  return { own, peer: (await peer.run({ case: "memory" })).result };
}
