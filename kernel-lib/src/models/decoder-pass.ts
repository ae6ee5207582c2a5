import type * as tf from "@tensorflow/tfjs-core";
import type { LinearMaps } from "./linear";
import type { RotaryAngles } from "./rotary";

/**
 * Keys and values of one layer, keys rotated already, each in at most two blocks [batch, K, keyValueHeads * headDim]: those of
 * the first pass and, behind them, those of all later ones. So a further token need not copy the prompt's.
 */
export type LayerMemory = {
  readonly keys: tf.Tensor3D[];
  readonly values: tf.Tensor3D[];
};

/** One pass of the text model over L new tokens of each of B rows. */
export interface DecoderPass {
  readonly rows: number;
  readonly columns: number;
  /** Rotary angles of the new tokens, [B * L, headDim]. */
  readonly angles: RotaryAngles;
  /** Which of the K keys (remembered ones first) each row may look at, [B, K]: 1 = yes. Later tokens are hidden anyway. */
  readonly visible: Uint8Array;
  /** Keys and values of earlier tokens, layer by layer; empty in a first pass. */
  readonly memory: readonly LayerMemory[];
  /** Whether more will be read after this pass. "drop" goes with an empty memory only. */
  readonly remember: "keep" | "drop";
  /** The tokens whose hidden state is asked for, as row * L + column. */
  readonly keep: Int32Array;
  /** Default: those of the store. */
  readonly maps?: LinearMaps;
}
