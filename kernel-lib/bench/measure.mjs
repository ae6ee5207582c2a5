import { from, say } from "./library.mjs";
import { spreadOf } from "./summary.mjs";

/** Largest relative difference of the two sides' first results, where a case says that they are the same number. */
const TOLERANCE = 1e-2;

/** Seconds on the clock, and of all threads on processors: the latter hardly change when others use the machine too. */
async function timed(run) {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6, result };
}

/** Who does the work: this library, then every peer of the case. */
function sidesOf(each, peer) {
  const others = peer === null ? [] : Object.entries(each.peers);
  return [
    { name: "own", run: () => timed(each.run) },
    ...others.map(([name, request]) => ({ name, run: () => peer.run(request) })),
  ];
}

function checkAgreement(each, first) {
  if (each.result !== "same") return;
  for (const [name, value] of Object.entries(first)) {
    if (Math.abs(value - first.own) <= TOLERANCE * Math.max(1e-3, Math.abs(first.own))) continue;
    throw new Error(
      `bench: ${each.name} must give the same number on both sides; got ${first.own} and ${value} (${name}).`,
    );
  }
}

/**
 * Does the work of a case on every side, one after the other, `pairs` times, the order turning about.
 *
 * A case: {key, name, run, peers: {label: request}, result?: "same", warm?: "no",
 * work?: "other programs", pairs?: most rounds of a long one, about?}.
 */
export async function measureCase(each, peer, pairs) {
  const sides = sidesOf(each, peer);
  const first = {};
  if (each.warm !== "no") for (const side of sides) first[side.name] = (await side.run()).result;
  checkAgreement(each, first);
  const rounds = Math.min(pairs, each.pairs ?? pairs);
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const order = sides.map((_, i) => sides[(i + round) % sides.length]);
    const taken = {};
    for (const side of order) {
      const { seconds, cpu } = await side.run();
      taken[side.name] = { seconds, cpu };
    }
    times.push(taken);
  }
  const spread = (pick) => spreadOf(times.map(pick));
  const peers = sides.slice(1).map(({ name }) => ({
    name,
    time: spread((taken) => taken[name].seconds),
    ratio: spread((taken) => taken.own.seconds / taken[name].seconds),
    // a case that starts other programs spends no processor time of its own
    cpuRatio: each.work === "other programs" ? null : spread((taken) => taken.own.cpu / taken[name].cpu),
  }));
  const { key, name, flops = null } = each;
  const own = spread((taken) => taken.own.seconds);
  return { key, name, flops, own, peers, rounds, about: each.about?.() ?? null, times };
}

/** Opens, measures and closes every case that is asked for; says how far it is. */
export async function measureCases(cases, peer, { pairs, writeInputs }) {
  const results = [];
  for (const { key, open } of cases) {
    const each = await open();
    if (peer !== null && each.tensors !== undefined) writeInputs(key, each.tensors);
    say(`${each.name} (${results.length + 1} of ${cases.length})`);
    results.push({ ...(await measureCase({ key, ...each }, peer, pairs)) });
    each.close?.();
  }
  return results;
}

/** Waits for the engine to be open; says which one it is. */
export async function openEngine() {
  const engine = await from("compute/backend").openBackend();
  return { ...engine, fusedKernels: from("compute/ops/native-kernels").hasNativeKernels() };
}
