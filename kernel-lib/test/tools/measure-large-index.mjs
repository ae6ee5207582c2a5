// Builds the index of a large generated corpus, read from a webdataset archive, and says what that takes (npm run build first):
//   node kernel-lib/test/tools/measure-large-index.mjs [number of pairs, default 100000]
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const pairs = Number(process.argv[2] ?? 100_000);
const library = process.env.JOMED_LIBRARY ?? join(import.meta.dirname, "..", "..", "dist");
const require = createRequire(join(library, "index.js"));
const sharp = require("sharp");
const { createRandom } = require("./base/random.js");
const { formatTarHeader } = require("./data/formats/tar-header.js");
const { loadCorpus } = require("./phantoms/load-corpus.js");
const { loadTask } = require("./phantoms/load-task.js");
const { buildIndex } = require("./experiments/stages/corpus-index.js");
const { openRun } = require("./experiments/run.js");

const SIDE = 32;
const TERMS = [
  "left",
  "right",
  "dark",
  "bright",
  "lesion",
  "round",
  "tall",
  "spiky",
  "smooth",
  "chest x-ray",
  "breast ultrasound",
];
const BLOCK = 512;
const MEGABYTE = 1e6;
const folder = mkdtempSync(join(tmpdir(), "large-index-"));

/** A soft pattern of its own for every pair. */
async function drawPicture(random) {
  const data = Buffer.from(Array.from({ length: 4 * 4 * 3 }, () => random.integer(256)));
  const picture = sharp(data, { raw: { width: 4, height: 4, channels: 3 } });
  return picture.resize(SIDE, SIDE, { kernel: "cubic" }).jpeg({ quality: 90 }).toBuffer();
}

async function writeArchive() {
  mkdirSync(join(folder, "pmc-oa"));
  const file = openSync(join(folder, "pmc-oa", "00000.tar"), "w");
  const put = (name, content) => {
    writeSync(file, formatTarHeader(name, content.length));
    writeSync(file, Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]));
  };
  const random = createRandom("large index");
  for (let k = 0; k < pairs; k++) {
    const name = `PMC${1000 + Math.floor(k / 3)}_${k}`;
    put(`${name}.jpg`, await drawPicture(random));
    put(`${name}.txt`, Buffer.from(Array.from({ length: 8 }, () => random.pick(TERMS)).join(" ")));
  }
  writeSync(file, Buffer.alloc(2 * BLOCK));
  closeSync(file);
}

const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);
const progress = new Map();
let most = 0;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 100);
const control = {
  onProgress: ({ stage, done, total }) => {
    const { calls = 0 } = progress.get(stage) ?? {};
    progress.set(stage, { calls: calls + 1, done, total });
    most = Math.max(most, process.memoryUsage().rss);
  },
};

async function timed(name, run) {
  const begun = performance.now();
  const value = await run();
  const seconds = Number(((performance.now() - begun) / 1000).toFixed(1));
  say({ name, seconds, peakMegabytes: Math.round(most / MEGABYTE) });
  return value;
}

try {
  await timed("write the archive", writeArchive);
  const corpus = await timed("read the corpus", () =>
    loadCorpus("pmc-oa", { dataDir: folder, longestSide: SIDE, control }),
  );
  const task = await loadTask("breast-mnist", { cacheDir: join(folder, "phantoms") });
  const run = await openRun({ profile: "quick", artifactsDir: join(folder, "artifacts"), control });
  const index = await timed("leaks, embeddings and indexes", () => buildIndex(run, { task, corpus }));
  say({
    pairs: index.corpus.passages.length,
    leaks: index.leaks.length,
    recall: index.recall.map(({ recall }) => recall),
  });
  index.dispose();
  for (const [stage, { calls, done, total }] of progress) say({ stage, calls, done, total });
} finally {
  clearInterval(watch);
  rmSync(folder, { recursive: true, force: true });
}
