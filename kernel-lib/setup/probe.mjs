// A process of its own: tries one engine (`node probe.mjs <root> <backend>`) and prints one line of JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";

const [root, backend] = process.argv.slice(2);
const require = createRequire(join(root, "package.json"));
const PACKAGES = {
  "native-gpu": "@tensorflow/tfjs-node-gpu",
  native: "@tensorflow/tfjs-node",
  wasm: "@tensorflow/tfjs-backend-wasm",
  cpu: "@tensorflow/tfjs",
};

process.env.TF_CPP_MIN_LOG_LEVEL ??= "3";
// tfjs-node 4.22 still calls what Node 23 took away
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;

async function compute() {
  const tf = require("@tensorflow/tfjs");
  const engine = require(PACKAGES[backend]);
  if (backend === "wasm") {
    engine.setWasmPaths(join(root, "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
  }
  await tf.setBackend(backend.startsWith("native") ? "tensorflow" : backend);
  await tf.ready();
  const product = await tf.matMul([[1, 2]], [[3], [4]]).data();
  if (product[0] !== 11) throw new Error(`1*3 + 2*4 gave ${product[0]}`);
  if (backend === "native-gpu" && !tf.backend().isUsingGpuDevice) throw new Error("no GPU answers");
  const native = backend.startsWith("native") ? tf.backend().binding.TF_Version : undefined;
  return { ok: true, tensorflow: native ?? tf.version.tfjs };
}

compute().then(
  (found) => process.stdout.write(`${JSON.stringify(found)}\n`),
  (error) => process.stdout.write(`${JSON.stringify({ ok: false, reason: error.message.split("\n")[0] })}\n`),
);
