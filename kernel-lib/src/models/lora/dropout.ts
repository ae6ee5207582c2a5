import { assertInRange } from "../../base/check";
import type { Random } from "../../base/random";
import type { ParameterStore } from "../weights/parameters";
import type { LoraAdapter } from "./lora";

/**
 * Runs a training loss with the adapter's dropout, as PEFT trains: each module's adapter sees its input with a share of the
 * values set to 0 and the others divided by 1 - dropout; the model's own weights see the input itself. Everything outside
 * `run` is without. A dropout of 0 changes nothing, to the bit.
 *
 * @param random decides the masks, a stream of its own per module; it is not advanced. The same state gives the same masks.
 */
export function withLoraDropout<T>(
  parameters: ParameterStore,
  { config, variables }: LoraAdapter,
  random: Random,
  run: () => T,
): T {
  if (config.dropout === 0) return run();
  const held = config.modules.flatMap((module, i) => {
    const update = parameters.adapters.get(module);
    return update?.A === variables[2 * i] ? [[module, update!] as const] : []; // a detached adapter has no inputs
  });
  for (const [module, update] of held) {
    const stream = random.fork(module);
    const mask = (size: number): Float32Array => dropoutMask(stream, config.dropout, size);
    parameters.adapters.set(module, { ...update, mask });
  }
  try {
    return run();
  } finally {
    for (const [module, update] of held) parameters.adapters.set(module, update);
  }
}

/** Factors of dropout: 0 with probability `rate`, else 1 / (1 - rate), so that the mean stays. */
export function dropoutMask(random: Random, rate: number, size: number): Float32Array {
  assertInRange("dropoutMask: rate", rate, 0, 0.999);
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) if (random.next() >= rate) mask[i] = kept;
  return mask;
}
