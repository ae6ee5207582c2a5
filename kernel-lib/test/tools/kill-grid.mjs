// Kills a small grid of experiments again and again and compares what comes of it with an undisturbed one:
//   node kernel-lib/test/tools/kill-grid.mjs [number of kills, default 50] [seed, default 7]
import { resolve } from "node:path";
import { runnerImport } from "vite";

const [kills, seed] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 7)];
const { module } = await runnerImport(resolve(import.meta.dirname, "..", "experiments", "grid", "kill-grid.ts"));
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);
const report = await module.killGrid({ kills, seed, onRound: say });
process.exitCode = report.different === 0 && report.twice === 0 ? 0 : 1;
