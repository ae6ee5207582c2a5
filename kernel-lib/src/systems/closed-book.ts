import type { Reader } from "../reader/reader";
import type { System } from "./system";

/**
 * The reader alone, fine-tuned on query image and question: what retrieval has to beat.
 *
 * @example closedBook(reader).name   // "closed-book"
 */
export function closedBook(reader: Reader): System {
  return { name: "closed-book", reader, retrieval: null, fusion: "probabilities", fusionTemperature: 1 };
}
