import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const CHECKPOINTS = join(ROOT, "data/checkpoints");
export const OUTPUT = join(ROOT, "data/artifacts/bench");

/** A module of the built library, e.g. from("models/clip/weights"). */
export const from = (file) => require(`../dist/${file}.js`);

/** An input of the peer's, as safetensors takes it. */
export const f32 = (shape, data) => ({ dtype: "F32", shape, data: Float32Array.from(data) });

/** A line on stderr, so that a measurement of minutes can be followed. */
export function say(text) {
  process.stderr.write(`bench: ${text}\n`);
}
