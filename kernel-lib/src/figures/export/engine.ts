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

/** Longest wait for one picture, first start of the program included. */
export const DRAWING_TIMEOUT_MS = 90_000;
