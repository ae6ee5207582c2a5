import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const USAGE = `npm run bench -- [--with-peers] [--python file] [--threads number] [--pairs number] [--only case …]

Measures training steps, scoring, generation, embedding, the index, start-up, memory and growth. With --with-peers the same
work is done by PyTorch, transformers, PEFT, hnswlib and faiss, in an environment made once in
data/artifacts/bench/peers; each pair runs one after the other.
--python names a Python that has the packages already; --threads limits both sides (default: all cores);
--only is a name, and may be given several times: CASES.
Writes bench.json and figures to data/artifacts/bench and prints tables.`;

const options = {
  "with-peers": { type: "boolean", default: false },
  python: { type: "string" },
  threads: { type: "string" },
  pairs: { type: "string", default: "9" },
  only: { type: "string", multiple: true },
  help: { type: "boolean", default: false },
};

function wholeNumber(name, text) {
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`bench: --${name} must be a whole number above 0; got "${text}".`);
}

async function run(values) {
  const [threads, pairs] = ["threads", "pairs"].map((name) => wholeNumber(name, values[name]));
  // TensorFlow reads these when it is loaded, so before anything of the library
  if (threads !== undefined)
    for (const name of ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]) process.env[name] = String(threads);
  const { CHECKPOINTS, from, OUTPUT, say } = await import("./library.mjs");
  const { openEngine, measureCases } = await import("./measure.mjs");
  const engine = await openEngine();
  const { EXTRAS, listCases } = await import("./cases.mjs");
  const { cases, corpora } = listCases();
  const known = [...cases.map(({ key }) => key), ...EXTRAS];
  if (values.help) return void process.stdout.write(`${USAGE.replace("CASES", known.join(", "))}\n`);
  const wanted = values.only ?? known;
  const unknown = wanted.find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`bench: --only must be one of ${known.join(", ")}; got "${unknown}".`);
  const { makePeerEnvironment, startPeer } = await import("./peer.mjs");
  const { describeMachine, tablesOf, writeReport } = await import("./report.mjs");
  const { rooflineOf } = await import("./summary.mjs");
  const { measureGrowth } = await import("./growth.mjs");
  const { measureMemory } = await import("./cases/start.mjs");
  const inputs = mkdtempSync(join(tmpdir(), "jomed-bench-"));
  const { writeSafetensors } = from("compute/safetensors");
  const writeInputs = (key, tensors) => writeSafetensors(join(inputs, `${key}.safetensors`), Object.entries(tensors));
  let peer = null;
  try {
    if (values["with-peers"] || values.python) {
      const python = values.python ?? makePeerEnvironment(join(OUTPUT, "peers"));
      peer = await startPeer(python, { checkpoints: CHECKPOINTS, inputs, threads });
    }
    const begun = performance.now();
    const machine = describeMachine();
    const chosen = cases.filter(({ key }) => wanted.includes(key));
    const results = await measureCases(chosen, peer, { pairs, writeInputs });
    const memory = wanted.includes("memory") ? await measureMemory(peer) : null;
    const growth = wanted.includes("growth") ? await measureGrowth(corpora, peer, writeInputs) : [];
    const seconds = Math.round((performance.now() - begun) / 1000);
    const report = {
      machine: { ...machine, loadAfter: describeMachine().load },
      engine,
      threads: threads ?? machine.cores,
      peer: peer?.about ?? null,
      pairs,
      seconds,
      results,
      roofline: rooflineOf(results),
      memory,
      growth,
    };
    await writeReport(OUTPUT, report);
    process.stdout.write(`${tablesOf(report)}\n`);
    say(`${seconds} s; bench.json and figures are in ${OUTPUT}`);
  } finally {
    peer?.stop();
    rmSync(inputs, { recursive: true });
  }
}

try {
  await run(parseArgs({ options }).values);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
