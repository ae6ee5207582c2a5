import { openDecoder } from "./cases/decoder.mjs";
import { fitExponent } from "./exponents.mjs";
import { say } from "./library.mjs";
import { INDEX_WORK } from "./summary.mjs";

/** Steps measured per size, after one that warms up; the fastest counts, as the one that was disturbed least. */
const STEPS = 5;

/** What grows in a training step of the small transformer, everything else as it is there. */
const AXES = [
  { axis: "batch", sizes: [4, 8, 16, 32, 64], shape: (batch) => ({ batch }) },
  { axis: "sequence length", sizes: [24, 48, 96, 192, 384], shape: (length) => ({ length, batch: 4 }) },
  { axis: "model width", sizes: [64, 128, 256, 512], shape: (width) => ({ width, batch: 4 }) },
];

const [BUILD, SEARCH, EXACT] = INDEX_WORK;
const CORPUS = [1000, 3162, 10_000, 31_623, 100_000];

async function secondsOf(run, steps) {
  await run();
  const seconds = [];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    await run();
    seconds.push((performance.now() - start) / 1000);
  }
  return Math.min(...seconds);
}

/** The power law of one side; a peer that was not measured has none. */
function law(sizes, seconds) {
  return seconds === null ? null : { seconds, ...fitExponent(sizes, seconds) };
}

async function growStep({ axis, sizes, shape }, peer, writeInputs) {
  const [own, other] = [[], []];
  for (const size of sizes) {
    say(`growth of a training step: ${axis} ${size}`);
    const step = openDecoder(shape(size));
    own.push(await secondsOf(step.run, STEPS));
    if (peer !== null) {
      const key = `decoder-${axis.replace(" ", "-")}-${size}`;
      writeInputs(key, step.tensors);
      const request = { ...step.peers.PyTorch, inputs: key };
      await peer.run(request);
      const seconds = [];
      for (let i = 0; i < STEPS; i++) seconds.push((await peer.run(request)).seconds);
      other.push(Math.min(...seconds));
      await peer.run({ case: "forget", key });
    }
    step.close();
  }
  const peerLaw = law(sizes, peer === null ? null : other);
  return { what: "training step", axis, sizes, own: law(sizes, own), peer: peerLaw };
}

/** Building a graph once per size, and asking it and the exact index: seconds of the build and of 1,000 queries each. */
async function growCorpus(corpora) {
  const [build, search, exact] = [[], [], []];
  const { questions } = corpora();
  for (const size of CORPUS) {
    say(`growth of the index: ${size} rows`);
    if (corpora().built(size) === undefined) await corpora().build(size);
    const { graph, seconds } = corpora().built(size);
    build.push(seconds);
    graph.setEf(64);
    search.push(await secondsOf(() => graph.search(questions, 10), 3));
    const flat = corpora().flat(size);
    exact.push(await secondsOf(() => flat.search(questions, 10), 3));
  }
  const rows = (what, seconds) => ({ what, axis: "corpus", sizes: CORPUS, own: law(CORPUS, seconds), peer: null });
  return [rows(BUILD, build), rows(SEARCH, search), rows(EXACT, exact)];
}

/** How times grow with batch, length, width and corpus: the fitted exponents, each with its standard error. */
export async function measureGrowth(corpora, peer, writeInputs) {
  const steps = [];
  for (const axis of AXES) steps.push(await growStep(axis, peer, writeInputs));
  return [...steps, ...(await growCorpus(corpora))];
}
