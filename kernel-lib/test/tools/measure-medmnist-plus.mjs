// Writes archives with the sizes of MedMNIST+ and says what reading one takes, in a process of its own (npm run build first):
//   node kernel-lib/test/tools/measure-medmnist-plus.mjs [task, default derma-mnist] [side, default 224]
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byteAt, writeMedMnistArchive } from "./medmnist-archive.mjs";

const SHAPES = {
  "breast-mnist": { splits: { train: 546, val: 78, test: 156 }, channels: [], labels: 2 },
  "derma-mnist": { splits: { train: 7007, val: 1003, test: 2005 }, channels: [3], labels: 7 },
  "retina-mnist": { splits: { train: 1080, val: 120, test: 400 }, channels: [3], labels: 5 },
};
const [name = "derma-mnist", sideText = "224", dataDir] = process.argv.slice(2);
const side = Number(sideText);
const library = join(import.meta.dirname, "..", "..", "dist");

async function read() {
  const { loadTask } = createRequire(import.meta.url)(join(library, "phantoms/load-task.js"));
  const begun = performance.now();
  const { splits } = await loadTask(name, { dataDir, imageSize: side });
  const seconds = Number(((performance.now() - begun) / 1000).toFixed(1));
  let wrong = 0;
  for (const [i, { image, labels }] of splits.test.entries()) {
    if (image.data[1234] !== byteAt(i, 1234) || labels[0] !== i % SHAPES[name].labels) wrong++;
  }
  const peakMegabytes = Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
  const count = Object.values(splits).reduce((sum, examples) => sum + examples.length, 0);
  process.stdout.write(`${JSON.stringify({ name, side, count, wrong, seconds, peakMegabytes })}\n`);
}

if (dataDir !== undefined) await read();
else {
  const folder = mkdtempSync(join(tmpdir(), "medmnist-plus-"));
  try {
    const { splits, channels, labels } = SHAPES[name];
    mkdirSync(join(folder, "medmnist"));
    const file = join(folder, "medmnist", `${name.replace("-", "")}_${side}.npz`);
    await writeMedMnistArchive(file, { splits, axes: [side, side, ...channels], labels });
    process.stdout.write(`${JSON.stringify({ file: `${(statSync(file).size / 1e6).toFixed(0)} MB` })}\n`);
    execFileSync(process.execPath, [import.meta.filename, name, String(side), folder], { stdio: "inherit" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
