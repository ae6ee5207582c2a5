import type { Figure } from "../../base/types";
import type { DrawingSize } from "./validate";

export type DrawingFormat = "svg" | "png";

/** A program that draws figures. It runs until `close()`, but never keeps this process alive while it has nothing to draw. */
export interface DrawingEngine {
  /** What manifests say: name and version of the program. */
  readonly name: string;
  /** SVG text, or the bytes of a PNG. One drawing at a time: draw.ts queues them. */
  draw(figure: Figure, format: DrawingFormat, size: DrawingSize): Promise<string | Uint8Array>;
  close(): Promise<void>;
}

/** How long one try to start the program or to draw a picture may take. */
export const TRY_TIMEOUT_MS = 30_000;
/** Tries before a silent program is given up: on a loaded machine kaleido was seen to hang about once in a hundred starts. */
export const MAX_TRIES = 3;
