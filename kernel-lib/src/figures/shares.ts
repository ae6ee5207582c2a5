import { assertSameLength } from "../base/check";
import { bootstrap, pairedBootstrap } from "../metrics/bootstrap";

/** A share of n cases with its 95 % bootstrap interval, groups drawn whole. */
export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** Share of true flags; `groups` names the unit of resampling of each. Equal inputs give the intervals of the analyses. */
export function shareOf(flags: readonly boolean[], groups: readonly string[]): Share {
  assertSameLength("shareOf: groups", groups.length, flags.length);
  return { ...bootstrap(groups, (rows) => shareAt(flags, rows)), n: flags.length };
}

/** Difference of two shares of the same cases, with its paired 95 % interval. */
export function shareDifference(
  first: readonly boolean[],
  second: readonly boolean[],
  groups: readonly string[],
): Share {
  assertSameLength("shareDifference: second", second.length, first.length);
  const difference = pairedBootstrap(
    groups,
    (rows) => shareAt(first, rows),
    (rows) => shareAt(second, rows),
  );
  return { value: difference.value, low: difference.low, high: difference.high, n: first.length };
}

function shareAt(flags: readonly boolean[], rows: readonly number[]): number {
  return rows.reduce((sum, row) => sum + (flags[row] === true ? 1 : 0), 0) / rows.length;
}
