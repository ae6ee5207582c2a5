import type { Control } from "../../../base/types";

/** "quick" keeps a laptop's minutes; "full" has the numbers of the real data set. */
export const PHANTOM_SIZES = ["quick", "full"] as const;
export type PhantomSize = (typeof PHANTOM_SIZES)[number];

/** What a writer of stand-in files is told. */
export interface PhantomRequest {
  /** Empty folder to write into, laid out as a user's folder of downloads. */
  readonly folder: string;
  readonly seed: number;
  readonly size: PhantomSize;
  readonly control: Control;
}

/** The stand-in of one task: files in the publisher's own format, made from a seed. */
export interface PhantomTask {
  /** Raised whenever the same seed would give other files; part of the fingerprint. */
  readonly version: number;
  /** What is drawn, for the data card. */
  readonly description: string;
  readonly write: (request: PhantomRequest) => Promise<void>;
}

/** A number of rows scaled to the size: a tenth for "quick" where the whole is large. */
export function scaled(count: number, size: PhantomSize, share = 0.1): number {
  return size === "full" ? count : Math.max(1, Math.round(count * share));
}
