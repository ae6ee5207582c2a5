import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openCases } from "./cases.mjs";
import { makePeerEnvironment, startPeer } from "./peer.mjs";
import { spreadOf, tableOf } from "./summary.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);
const CHECKPOINTS = join(ROOT, "data/checkpoints");
const OUTPUT = join(ROOT, "data/artifacts/bench");

const USAGE = `npm run bench -- [--with-peers] [--python file] [--pairs number] [--only case]

Measures training steps, scoring, embedding and the index. With --with-peers the same work is done by PyTorch, transformers,
PEFT and hnswlib, in an environment made once in data/artifacts/bench/peers; each pair runs one after the other.
--python names a Python that has the packages already; --only is a name: lora, full, score, clip, hnsw_build,
hnsw_search (which needs hnsw_build). Writes data/artifacts/bench/bench.json and prints a table.`;

/** Both sides run once to warm up, then in pairs, the order turning about. */
async function measure(each, peer, pairs) {
  const own = () => {
    const start = performance.now();
    each.run();
    return (performance.now() - start) / 1000;
  };
  const other = async () => (peer === null ? null : (await peer.run(each.peer)).seconds);
  own();
  await other();
  const times = [];
  for (let i = 0; i < pairs; i++) {
    const first = i % 2 === 0 ? own() : await other();
    const second = i % 2 === 0 ? await other() : own();
    times.push(i % 2 === 0 ? { own: first, peer: second } : { own: second, peer: first });
  }
  return {
    name: each.name,
    own: spreadOf(times.map((pair) => pair.own)),
    peer: peer === null ? null : spreadOf(times.map((pair) => pair.peer)),
    ratio: peer === null ? null : spreadOf(times.map((pair) => pair.own / pair.peer)),
    times,
  };
}

async function main() {
  const options = {
    "with-peers": { type: "boolean", default: false },
    python: { type: "string" },
    pairs: { type: "string", default: "9" },
    only: { type: "string", multiple: true },
    help: { type: "boolean", default: false },
  };
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(`${USAGE}\n`);
  const { openBackend } = require("../dist/compute/backend.js");
  const { hasNativeKernels } = require("../dist/compute/native-kernels.js");
  const { writeSafetensors } = require("../dist/compute/safetensors.js");
  const engine = await openBackend();
  const cases = (await openCases(CHECKPOINTS)).filter(({ peer }) => values.only?.includes(peer) ?? true);
  const inputs = mkdtempSync(join(tmpdir(), "jomed-bench-"));
  let peer = null;
  try {
    for (const { peer: name, tensors } of cases)
      if (Object.keys(tensors).length > 0)
        writeSafetensors(join(inputs, `${name}.safetensors`), Object.entries(tensors));
    if (values["with-peers"] || values.python) {
      peer = await startPeer(values.python ?? makePeerEnvironment(join(OUTPUT, "peers")), CHECKPOINTS, inputs);
    }
    const results = [];
    for (const each of cases) results.push(await measure(each, peer, Number(values.pairs)));
    const machine = {
      processor: cpus()[0].model,
      cores: availableParallelism(),
      platform: `${process.platform}-${process.arch}`,
    };
    const report = {
      machine,
      engine,
      fusedKernels: hasNativeKernels(),
      peer: peer?.about ?? null,
      pairs: Number(values.pairs),
      results,
    };
    mkdirSync(OUTPUT, { recursive: true });
    writeFileSync(join(OUTPUT, "bench.json"), `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(`${tableOf(results)}\n`);
  } finally {
    peer?.stop();
    rmSync(inputs, { recursive: true });
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
