import { isKernelError } from "../base/errors";
import { loadSearchAddon, type ScanRows } from "./search-addon";
import { TopK } from "./top-k";

/** A way of comparing every query with every row. */
export interface Scanner {
  readonly kind: "native" | "javascript";
  readonly scanRows: ScanRows;
  /** How many products one call may sum: what an interrupt waits for and, in JavaScript, the event loop. */
  readonly productsPerCall: number;
}

/** Inner product of one query with one row, in double precision, in the order of the values. */
function innerProduct(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

const scanInJavaScript: ScanRows = async (rows, dimension, queries, k, allowed, positions, scores) => {
  const rowCount = rows.length / dimension;
  positions.fill(-1);
  for (let q = 0; q < queries.length / dimension; q++) {
    const best = new TopK(k);
    for (let row = 0; row < rowCount; row++) {
      if (allowed !== null && allowed[row] === 0) continue;
      best.push(row, innerProduct(queries, q * dimension, rows, row * dimension, dimension));
    }
    positions.set(best.positions, q * k);
    scores.set(best.scores, q * k);
  }
};

/** The scan that works everywhere: on this thread, some 20 ms a call. */
export const javaScriptScanner: Scanner = {
  kind: "javascript",
  scanRows: scanInJavaScript,
  productsPerCall: 2 ** 24,
};

/** The compiled scan, which finds the same to the last bit on a thread of its own; in JavaScript where it is missing. */
export function chooseScanner(): Scanner {
  try {
    return { kind: "native", scanRows: loadSearchAddon().scanRows, productsPerCall: 2 ** 32 };
  } catch (error) {
    if (!isKernelError(error, "environment")) throw error;
    return javaScriptScanner;
  }
}
