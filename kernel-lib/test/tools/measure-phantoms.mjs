// Makes every stand-in once, in a folder of its own, and says what that takes (npm run build first):
//   node kernel-lib/test/tools/measure-phantoms.mjs [quick (default) | full] [names …]
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [size = "quick", ...names] = process.argv.slice(2);
const library = process.env.JOMED_LIBRARY ?? join(import.meta.dirname, "..", "..", "dist");
const { CORPUS_TWINS, loadCorpus, loadTask, TASK_NAMES } = {
  ...createRequire(import.meta.url)(join(library, "phantoms/load-task.js")),
  ...createRequire(import.meta.url)(join(library, "phantoms/load-corpus.js")),
  ...createRequire(import.meta.url)(join(library, "phantoms/phantoms.js")),
};
const MEGABYTE = 1e6;
const cacheDir = mkdtempSync(join(tmpdir(), "phantoms-"));

/** Bytes and files below a folder. */
function extentOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return { files: files.length, megabytes: Number((bytes / MEGABYTE).toFixed(1)) };
}

let cpuTotal = 0;

async function measure(name, load) {
  const begun = performance.now();
  const before = process.cpuUsage();
  const count = await load();
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = Number(((user + system) / 1e6).toFixed(1));
  const seconds = Number(((performance.now() - begun) / 1000).toFixed(1));
  const peakMegabytes = Math.round((process.resourceUsage().maxRSS * 1024) / MEGABYTE);
  cpuTotal += cpuSeconds;
  const folder = readdirSync(cacheDir).find((entry) => entry.startsWith(`${name}-of-`)) ?? name;
  process.stdout.write(
    `${JSON.stringify({ name, size, count, seconds, cpuSeconds, ...extentOf(join(cacheDir, folder)), peakMegabytes })}\n`,
  );
  return seconds;
}

try {
  let total = 0;
  const wanted = (name) => names.length === 0 || names.includes(name);
  for (const name of TASK_NAMES.filter(wanted)) {
    total += await measure(name, async () => {
      const { splits } = await loadTask(name, { size, cacheDir });
      return `${splits.train.length} / ${splits.validation.length} / ${splits.test.length}`;
    });
  }
  // corpora have one size; "full" draws ten times as many pairs
  const drawn = size === "full" ? { numPassages: 30_000 } : {};
  for (const name of [...CORPUS_TWINS.keys()].filter(wanted)) {
    total += await measure(name, async () => String((await loadCorpus(name, { cacheDir, ...drawn })).passages.length));
  }
  process.stdout.write(
    `${JSON.stringify({ size, seconds: Number(total.toFixed(1)), cpuSeconds: Number(cpuTotal.toFixed(1)) })}\n`,
  );
} finally {
  rmSync(cacheDir, { recursive: true, force: true });
}
