import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureMemory } from "./cases/start.mjs";
import { EXTRAS, listCases, PROFILED } from "./cases.mjs";
import { measureGrowth } from "./growth.mjs";
import { CHECKPOINTS, from, OUTPUT, say } from "./library.mjs";
import { measureCases, openEngine } from "./measure.mjs";
import { makePeerEnvironment, startPeer } from "./peer.mjs";
import { profileCases } from "./profile.mjs";
import { describeMachine, tablesOf, writeReport } from "./report.mjs";
import { rooflineOf } from "./summary.mjs";

/** The names that --only takes. */
export function caseNames() {
  return [...listCases().cases.map(({ key }) => key), ...EXTRAS];
}

/** Measures what is wanted; everything bench.json holds but the machine. */
async function measureWanted(wanted, peer, { pairs, writeInputs }) {
  const { cases, corpora } = listCases();
  const chosen = cases.filter(({ key }) => wanted.includes(key));
  const results = await measureCases(chosen, peer, { pairs, writeInputs });
  const memory = wanted.includes("memory") ? await measureMemory(peer) : null;
  const growth = wanted.includes("growth") ? await measureGrowth(corpora, peer, writeInputs) : [];
  const profiled = wanted.includes("profile") ? cases.filter(({ key }) => PROFILED.includes(key)) : [];
  const profiles = await profileCases(profiled);
  return { results, roofline: rooflineOf(results), memory, growth, profiles };
}

/**
 * Measures the wanted cases, beside the peers of `python` ("own": the environment in data/artifacts/bench/peers, "none":
 * alone), writes bench.json and figures and prints tables.
 */
export async function runBench({ wanted, python, pairs, threads }) {
  const known = caseNames();
  const unknown = wanted.find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`bench: --only must be one of ${known.join(", ")}; got "${unknown}".`);
  const engine = await openEngine();
  const inputs = mkdtempSync(join(tmpdir(), "jomed-bench-"));
  const { writeSafetensors } = from("compute/safetensors");
  const writeInputs = (key, tensors) => writeSafetensors(join(inputs, `${key}.safetensors`), Object.entries(tensors));
  let peer = null;
  try {
    const program = python === "own" ? makePeerEnvironment(join(OUTPUT, "peers")) : python;
    if (program !== "none") peer = await startPeer(program, { checkpoints: CHECKPOINTS, inputs, threads });
    const begun = performance.now();
    const { load, ...machine } = describeMachine();
    const measured = await measureWanted(wanted.length > 0 ? wanted : known, peer, { pairs, writeInputs });
    const seconds = Math.round((performance.now() - begun) / 1000);
    const report = {
      machine: { ...machine, loadBefore: load, loadAfter: describeMachine().load },
      engine,
      threads: threads ?? machine.cores,
      peer: peer?.about ?? null,
      pairs,
      seconds,
      ...measured,
    };
    await writeReport(OUTPUT, report);
    process.stdout.write(`${tablesOf(report)}\n`);
    say(`${seconds} s; bench.json and figures are in ${OUTPUT}`);
  } finally {
    peer?.stop();
    rmSync(inputs, { recursive: true });
  }
}
