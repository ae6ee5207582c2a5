import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StepSkipped } from "../errors.mjs";
import { lastLines, run } from "../programs.mjs";
import { writeWhole } from "../stamps.mjs";

const FILE = ".setup/engine.json";
const PROBE = fileURLToPath(new URL("../probe.mjs", import.meta.url));

/** Engines from fast to slow; the native ones need the step that builds them. */
const ENGINES = [
  { backend: "native-gpu", step: "binding-gpu" },
  { backend: "native", step: "binding" },
  { backend: "wasm", step: null },
  { backend: "cpu", step: null },
];

/** Tries one engine in a process of its own; a crash there is only a reason here. */
async function probe(context, backend) {
  const { code, output } = await run(process.execPath, [PROBE, context.root, backend], { env: context.env });
  const line = output.split("\n").find((each) => each.startsWith("{"));
  if (code === 0 && line !== undefined) return JSON.parse(line);
  return { ok: false, reason: `it does not load (${lastLines(output, 1).slice(0, 200)})` };
}

/** Why a faster engine is not used: {reason, advice}. */
function whyNot(backend, stamp, found) {
  if (stamp?.status === "skipped") return { reason: stamp.reason, advice: stamp.advice };
  const advice =
    backend === "native-gpu"
      ? "Check the driver with nvidia-smi, then run `npm run setup -- --gpu` again."
      : "Delete .setup and .venv and run again; see CONTRIBUTING.md.";
  return { reason: `${backend}: ${found.reason}`, advice };
}

/** Finds the fastest engine that computes a small product correctly, and writes `.setup/engine.json`. */
export const engine = {
  name: "engine",
  title: "engine check",
  file: import.meta.url,
  needs: ["packages"],
  after: ["binding"],
  inputs: () => ({ node: process.execPath }),
  async run(context, before) {
    let refusal = { reason: "the fastest engine of this set-up", advice: "" };
    for (const { backend, step } of ENGINES) {
      const stamp = before.get(step);
      if (step !== null && stamp === undefined) continue;
      const found = stamp?.status === "skipped" ? { ok: false } : await probe(context, backend);
      if (!found.ok) {
        if (refusal.advice === "") refusal = whyNot(backend, stamp, found);
        continue;
      }
      const record = { backend, ...refusal, tensorflow: found.tensorflow };
      writeWhole(join(context.root, FILE), `${JSON.stringify(record, null, 2)}\n`);
      return [FILE];
    }
    throw new StepSkipped("no TensorFlow.js engine computes on this machine", "See .setup/engine.json.");
  },
};
