/** Median and quartiles of numbers, linear between neighbours. */
export function spreadOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)];
    return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place));
  };
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

/** "162 (155 to 177)": a median and its quartiles, with `digits` decimals. */
export function showSpread({ low, median, high }, digits, factor = 1) {
  const show = (value) =>
    (factor * value).toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return low === high ? show(median) : `${show(median)} (${show(low)} to ${show(high)})`;
}

function tableOf(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Thousandths of a second with the digits that mean something. */
const milliseconds = (spread) => showSpread(spread, spread.median < 0.1 ? 1 : 0, 1000);

/** One row per case and peer: our time, the peer's, and the ratios of pairs that ran one after the other. */
export function timesTable(results) {
  const rows = results.flatMap(({ name, own, peers }) =>
    peers.length === 0
      ? [[name, milliseconds(own), "-", "-", "-", "-"]]
      : peers.map(({ name: peer, time, ratio, cpuRatio }) => [
          name,
          milliseconds(own),
          peer,
          milliseconds(time),
          showSpread(ratio, 2),
          cpuRatio === null ? "-" : showSpread(cpuRatio, 2),
        ]),
  );
  return tableOf(["case", "ours, ms", "peer", "peer, ms", "ours / peer", "processor time, ours / peer"], rows);
}

/** "0.98 ± 0.03": an exponent with its standard error. */
export function showExponent(law) {
  if (law === null) return "-";
  return law.error === null ? law.exponent.toFixed(2) : `${law.exponent.toFixed(2)} ± ${law.error.toFixed(2)}`;
}

/** One row per thing that grows: from which to which size, and the exponents. */
export function growthTable(growth) {
  const rows = growth.map(({ what, axis, sizes, own, peer }) => [
    `${what}, ${axis}`,
    `${sizes[0].toLocaleString("en-US")} to ${sizes.at(-1).toLocaleString("en-US")}`,
    showExponent(own),
    showExponent(peer),
  ]);
  return tableOf(["growth of", "sizes", "exponent, ours", "exponent, peer"], rows);
}

/** What is measured of an index at each size; searches are 1,000 queries. */
export const INDEX_WORK = ["HNSW build", "HNSW search, ef 64", "exact search"];

/** One row per size of the corpus: what a graph costs, what it saves, and after how many queries that pays for it. */
export function indexTable(growth) {
  const [build, search, exact] = INDEX_WORK.map((wanted) => growth.find(({ what }) => what === wanted));
  const rows = build.sizes.map((size, i) => {
    const [built, graph, flat] = [build, search, exact].map(({ own }) => own.seconds[i]);
    const paid = flat > graph ? Math.ceil((1000 * built) / (flat - graph)) : null;
    return [
      size.toLocaleString("en-US"),
      built.toFixed(2),
      (1000 * graph).toFixed(1),
      (1000 * flat).toFixed(1),
      paid === null ? "never" : `${paid.toLocaleString("en-US")} queries`,
    ];
  });
  const units = ["s", "ms", "ms"];
  const measured = INDEX_WORK.map((what, i) => `${what}, ${units[i]}`);
  return tableOf(["vectors", ...measured, "the graph has paid for its building after"], rows);
}

/**
 * Achieved GFLOP/s of a step over what the matrix product reaches in the same run; null unless both cases ran.
 *
 * @returns {{step: string, sides: {name, achieved, peak, share}[]} | null}
 */
export function rooflineOf(results) {
  const [step, peak] = ["decoder", "matmul"].map((key) => results.find((result) => result.key === key));
  if (step === undefined || peak === undefined) return null;
  const rate = ({ flops }, { median }) => flops / median / 1e9;
  const side = (name, stepTime, peakTime) => {
    const [achieved, top] = [rate(step, stepTime), rate(peak, peakTime)];
    return { name, achieved, peak: top, share: achieved / top };
  };
  const others = step.peers.flatMap(({ name, time }) => {
    const same = peak.peers.find((peer) => peer.name === name);
    return same === undefined ? [] : [side(name, time, same.time)];
  });
  return { step: step.name, sides: [side("own", step.own, peak.own), ...others] };
}

/** One row per side. */
export function rooflineTable({ sides }) {
  const rows = sides.map(({ name, achieved, peak, share }) => [
    name === "own" ? "ours" : name,
    achieved.toFixed(0),
    peak.toFixed(0),
    `${(100 * share).toFixed(0)} %`,
  ]);
  return tableOf(["training step of the transformer", "GFLOP/s", "matrix product, GFLOP/s", "share"], rows);
}

/** One row per state of a process. */
export function memoryTable({ own, peer }) {
  const show = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const rows = [
    ["library loaded, engine open", "library"],
    ["both replica models loaded, 64 pictures embedded", "models"],
  ].map(([label, key]) => [label, show(own[key]), peer === null ? "-" : show(peer[key])]);
  return tableOf(["resident memory", "ours, MiB", "peer, MiB"], rows);
}

/** The most expensive kernels of a case, then the other kernels and JavaScript; shares of the whole. */
export function profileTable({ name, seconds, kernels, outside }, most = 6) {
  const rest = kernels.slice(most);
  const sum = (field) => rest.reduce((total, kernel) => total + kernel[field], 0);
  const others = { name: "other kernels", calls: sum("calls"), seconds: sum("seconds") };
  const rows = [...kernels.slice(0, most), ...(rest.length > 0 ? [others] : [])].map((kernel) => [
    kernel.name,
    kernel.calls.toFixed(0),
    (1000 * kernel.seconds).toFixed(2),
    `${((100 * kernel.seconds) / seconds).toFixed(0)} %`,
  ]);
  const javaScript = ["JavaScript", "-", (1000 * outside).toFixed(2), `${((100 * outside) / seconds).toFixed(0)} %`];
  return tableOf([name, "calls", "ms", "share"], [...rows, javaScript]);
}
