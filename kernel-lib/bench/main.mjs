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
  pairs: { type: "string", default: "25" },
  only: { type: "string", multiple: true, default: [] },
  help: { type: "boolean", default: false },
};

function wholeNumber(name, text) {
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`bench: --${name} must be a whole number above 0; got "${text}".`);
}

async function main() {
  const { values } = parseArgs({ options });
  const [threads, pairs] = ["threads", "pairs"].map((name) => wholeNumber(name, values[name]));
  // TensorFlow reads these when it is loaded, so before anything of the library
  if (threads !== undefined)
    for (const name of ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]) process.env[name] = String(threads);
  const { caseNames, runBench } = await import("./run.mjs");
  if (values.help) return void process.stdout.write(`${USAGE.replace("CASES", caseNames().join(", "))}\n`);
  const python = values.python ?? (values["with-peers"] ? "own" : "none");
  await runBench({ wanted: values.only, python, pairs, threads });
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
