/** Median and quartiles of numbers. */
export function spreadOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)];
    return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place));
  };
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

/** One row per case: our time, the peer's, and the median of the ratios of pairs that ran one after the other. */
export function tableOf(results) {
  const show = (seconds) =>
    `${(1000 * seconds.median).toFixed(1)} (${(1000 * seconds.low).toFixed(1)}-${(1000 * seconds.high).toFixed(1)})`;
  const rows = results.map(({ name, own, peer, ratio }) => [
    name,
    show(own),
    peer === null ? "-" : show(peer),
    ratio === null ? "-" : `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}-${ratio.high.toFixed(2)})`,
  ]);
  const lines = [["case", "ours, ms", "peer, ms", "ours / peer"], ["---", "---", "---", "---"], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
