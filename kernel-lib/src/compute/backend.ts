import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { assertOneOf } from "../base/check";
import { DataError, EnvironmentError, StateError } from "../base/errors";
import { loadNativeKernels } from "./ops/native-kernels";

/** What computes: TensorFlow with a GPU, TensorFlow on the processor, WebAssembly, plain JavaScript. */
export type BackendName = "native-gpu" | "native" | "wasm" | "cpu";

/** Which engine runs, and why. */
export interface BackendReport {
  readonly backend: BackendName;
  /** One line: why this one. */
  readonly reason: string;
  /** One line: what to install for a faster one; null when there is nothing to do. */
  readonly advice: string | null;
  readonly versions: Readonly<Record<string, string>>;
}

const BACKENDS: readonly BackendName[] = ["native-gpu", "native", "wasm", "cpu"];
const PACKAGES = { "native-gpu": "@tensorflow/tfjs-node-gpu", native: "@tensorflow/tfjs-node" } as const;
const SLOW_ADVICE =
  "Training is 30 to 200 times slower here. Install Python 3.10 or newer and a C++ compiler, then run npm run setup.";
const PROJECT_ROOT = resolve(__dirname, "../../..");

let opening: Promise<BackendReport> | null = null;
let report: BackendReport | null = null;

/**
 * Loads the fastest engine this machine has: native-gpu, native, wasm, then cpu. A second call returns the first report.
 *
 * `JOMED_BACKEND` (native-gpu, native, wasm, cpu or auto) forces one; otherwise `options.prefer`, then what the set-up
 * chose (`.setup/engine.json`), is tried first.
 *
 * @throws ConfigError on an unknown name. EnvironmentError when the forced engine cannot be loaded.
 * @example (await openBackend()).backend   // "native"
 */
export function openBackend(options: { readonly prefer?: BackendName } = {}): Promise<BackendReport> {
  opening ??= open(options.prefer).then(
    (opened) => {
      report = opened;
      return opened;
    },
    (error: unknown) => {
      opening = null;
      throw error;
    },
  );
  return opening;
}

/** The report of the opened engine. @throws StateError before `openBackend` has finished. */
export function requireBackend(): BackendReport {
  if (report !== null) return report;
  throw new StateError("requireBackend: no engine is loaded yet. Call `await openBackend()` before using a model.");
}

interface Wish {
  readonly order: readonly BackendName[];
  readonly reason: string;
  readonly advice: string | null;
}

async function open(prefer: BackendName | undefined): Promise<BackendReport> {
  const wish = readWish(prefer);
  const failures: string[] = [];
  prepareProcess();
  await import("@tensorflow/tfjs");
  // its first use prints an advertisement for tfjs-node otherwise
  Object.assign(tf.findBackend("cpu"), { firstUse: false });
  for (const backend of wish.order) {
    try {
      await loaders[backend]();
    } catch (error) {
      failures.push(`${backend} cannot be loaded (${firstLine(error)})`);
      continue;
    }
    const first = backend === wish.order[0];
    const slow = backend === "wasm" || backend === "cpu";
    return {
      backend,
      reason: first ? wish.reason : failures.join("; "),
      advice: first && wish.advice !== null ? wish.advice : slow ? SLOW_ADVICE : null,
      versions: readVersions(),
    };
  }
  throw new EnvironmentError(
    `openBackend: JOMED_BACKEND must name an engine this machine has; ${failures.join("; ")}. Run npm run setup, or unset JOMED_BACKEND.`,
    { failures },
  );
}

function readWish(prefer: BackendName | undefined): Wish {
  const variable = process.env["JOMED_BACKEND"] ?? "auto";
  assertOneOf("openBackend: JOMED_BACKEND", variable, [...BACKENDS, "auto"] as const);
  if (variable !== "auto") return { order: [variable], reason: "JOMED_BACKEND names it", advice: null };
  if (prefer !== undefined) {
    assertOneOf("openBackend: prefer", prefer, BACKENDS);
    const reason = "the caller prefers it";
    return { order: startingWith(prefer), reason, advice: null };
  }
  const chosen = readSetupChoice(join(PROJECT_ROOT, ".setup", "engine.json"));
  return { ...chosen, order: startingWith(chosen.backend) };
}

function readSetupChoice(file: string): { backend: BackendName; reason: string; advice: string | null } {
  if (!existsSync(file)) {
    const backend = bindingExists(PACKAGES["native-gpu"]) ? "native-gpu" : "native";
    return { backend, reason: "the fastest engine found", advice: null };
  }
  try {
    const { backend, reason, advice } = JSON.parse(readFileSync(file, "utf8"));
    assertOneOf("openBackend: backend of .setup/engine.json", backend, BACKENDS);
    return { backend, reason: String(reason ?? "the set-up chose it"), advice: advice ? String(advice) : null };
  } catch (cause) {
    throw new DataError(
      `openBackend: .setup/engine.json must hold a known backend; got ${firstLine(cause)}. Run npm run setup.`,
      { file },
      cause,
    );
  }
}

/** The wished engine, then the slower ones. */
function startingWith(backend: BackendName): readonly BackendName[] {
  return BACKENDS.slice(BACKENDS.indexOf(backend));
}

/** What tfjs-node 4.22 needs before it is imported. */
function prepareProcess(): void {
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
  // on a GPU: memory as it is needed, not all there is; products of 23 bits, as on the other engines, not of 10 (TF32)
  process.env["TF_FORCE_GPU_ALLOW_GROWTH"] ??= "true";
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
  // removed in Node 23, called by tfjs-node 4.22
  const nodeUtil = createRequire(__filename)("node:util") as Record<string, unknown>;
  nodeUtil["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  nodeUtil["isArray"] ??= Array.isArray;
}

const loaders: Record<BackendName, () => Promise<void>> = {
  "native-gpu": () => loadNative(PACKAGES["native-gpu"]),
  native: () => loadNative(PACKAGES.native),
  wasm: async () => {
    await import("@tensorflow/tfjs-backend-wasm");
    await use("wasm");
  },
  cpu: () => use("cpu"),
};

type NativePackage = (typeof PACKAGES)[keyof typeof PACKAGES];

function bindingExists(packageName: NativePackage): boolean {
  try {
    const folder = dirname(createRequire(__filename).resolve(`${packageName}/package.json`));
    return existsSync(join(folder, "lib", "napi-v8", "tfjs_binding.node"));
  } catch {
    return false; // the package itself is not installed
  }
}

async function loadNative(packageName: NativePackage): Promise<void> {
  // tfjs-node registers its kernels before it looks for its binding, so look first
  if (!bindingExists(packageName)) throw new EnvironmentError(`${packageName} has no native binding`);
  if (packageName === PACKAGES.native) await import("@tensorflow/tfjs-node");
  else await import("@tensorflow/tfjs-node-gpu");
  await use("tensorflow");
  if (packageName === PACKAGES.native) loadNativeKernels();
}

async function use(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new EnvironmentError(`TensorFlow.js could not start "${name}"`);
  await tf.ready();
}

function readVersions(): Record<string, string> {
  const binding = (tf.backend() as { binding?: { TF_Version?: string } }).binding;
  const tensorflow = binding?.TF_Version === undefined ? {} : { tensorflow: binding.TF_Version };
  return { node: process.versions.node, tfjs: tf.version_core, ...tensorflow };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
