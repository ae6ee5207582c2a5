import type { Layout } from "./theme";

/** Round places from `low` to `high`, about `count` of them, in steps of 1, 2, 2.5 or 5 times a power of ten. */
export function roundTicks(low: number, high: number, count = 6): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

const LEAST_SPAN = 8;

/** A linear axis in per cent around all shares, with air for labels; marks only from 0 to 100. */
export function percentAxis(shares: readonly (number | null | undefined)[]): Layout {
  const known = shares.filter((share): share is number => share !== null && share !== undefined);
  if (known.length === 0) return { range: [-4, 104], tickvals: roundTicks(0, 100) };
  let low = 100 * Math.min(...known);
  let high = 100 * Math.max(...known);
  const missing = Math.max(0, LEAST_SPAN - (high - low)) / 2;
  low -= missing;
  high += missing;
  const air = 0.13 * (high - low);
  const range = [
    Math.max(-0.05 * (high - low + 2 * air), low - air),
    Math.min(100 + 0.05 * (high - low + 2 * air), high + air),
  ];
  return { range, tickvals: roundTicks(Math.max(0, range[0]!), Math.min(100, range[1]!)) };
}

/** A logarithmic axis over positive values with marks at 1, 2 and 5 times powers of ten, written out. */
export function logAxis(values: readonly number[], write: (value: number) => string): Layout {
  const logs = values.map(Math.log10);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const air = Math.max(0.3, 0.16 * (high - low)); // at least 0.75 decades: two marks always fit
  const range = [low - air, high + 1.5 * air];
  const ticks: number[] = [];
  for (let power = Math.floor(range[0]!); power <= range[1]!; power++) {
    for (const digit of [1, 2, 5]) {
      const place = power + Math.log10(digit);
      if (place >= range[0]! && place <= range[1]!) ticks.push(digit * 10 ** power);
    }
  }
  return { type: "log", range, tickvals: ticks, ticktext: ticks.map(write) };
}
