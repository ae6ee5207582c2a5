import * as tf from "@tensorflow/tfjs-core";
import { say } from "./library.mjs";

const RUNS = 10;
const DOORS = ["executeSingleOutput", "executeMultipleOutputs"];

/** Notes name and time of every kernel that the native engine runs during `work`. */
async function watchKernels(backend, work) {
  const kernels = new Map();
  const originals = DOORS.map((door) => backend[door]);
  for (const [i, door] of DOORS.entries())
    backend[door] = (name, ...rest) => {
      const start = performance.now();
      const result = originals[i].call(backend, name, ...rest);
      const { calls = 0, seconds = 0 } = kernels.get(name) ?? {};
      kernels.set(name, { calls: calls + 1, seconds: seconds + (performance.now() - start) / 1000 });
      return result;
    };
  try {
    await work();
  } finally {
    for (const [i, door] of DOORS.entries()) backend[door] = originals[i];
  }
  return kernels;
}

/** Where the time of a case goes: kernels by name, most expensive first, and what is left for JavaScript; per run. */
export async function profileCase(each) {
  for (let i = 0; i < 3; i++) await each.run();
  let total = 0;
  const kernels = await watchKernels(tf.backend(), async () => {
    const start = performance.now();
    for (let i = 0; i < RUNS; i++) await each.run();
    total = (performance.now() - start) / 1000;
  });
  const rows = [...kernels].map(([name, { calls, seconds }]) => ({
    name,
    calls: calls / RUNS,
    seconds: seconds / RUNS,
  }));
  rows.sort((a, b) => b.seconds - a.seconds);
  const inside = rows.reduce((sum, { seconds }) => sum + seconds, 0);
  return { name: each.name, seconds: total / RUNS, kernels: rows, outside: total / RUNS - inside };
}

/** Profiles of the given cases; none where kernels cannot be watched, on other engines. */
export async function profileCases(cases) {
  if (tf.getBackend() !== "tensorflow") return [];
  const profiles = [];
  for (const { open } of cases) {
    const each = await open();
    say(`profile of: ${each.name}`);
    profiles.push(await profileCase(each));
    each.close?.();
  }
  return profiles;
}
