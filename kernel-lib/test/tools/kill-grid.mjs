// Kills a small grid of experiments again and again and compares what comes of it with an undisturbed one:
//   node kernel-lib/test/tools/kill-grid.mjs [number of kills, default 50] [seed, default 7]
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "vite";

const [kills, seed] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 7)];
const library = join(import.meta.dirname, "..", "..");
const setup = join(library, "..", ".setup");
mkdirSync(setup, { recursive: true });
const folder = mkdtempSync(join(setup, "kill-grid-"));
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);
try {
  const entry = join(library, "test", "experiments", "grid", "kill-grid.ts");
  const output = { format: "cjs", entryFileNames: "kill-grid.cjs" };
  const options = { ssr: entry, outDir: folder, rollupOptions: { output, external: ["vite"] } };
  await build({ configFile: false, logLevel: "silent", build: options });
  const { killGrid } = createRequire(import.meta.url)(join(folder, "kill-grid.cjs"));
  const { different, twice } = await killGrid({ kills, seed, onRound: say });
  process.exitCode = different === 0 && twice === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
