import * as fc from "fast-check";
import { weightOf } from "../../src/models/lora/lora";
import { loadLora } from "../../src/models/lora/peft-files";
import { loadReference } from "../models/qwen2-vl/reference-case";
import { withFiles } from "./files";
import { differenceOf, formatOf } from "./format";

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);
const options = fc.record(
  {
    r: pick(2, 3, 5),
    lora_alpha: pick(1, 4, 7.5),
    lora_dropout: pick(0, 0.1),
    use_rslora: fc.boolean(),
    target_modules: pick<unknown>(
      ["q_proj", "v_proj"],
      ["k_proj", "down_proj", "qkv"],
      ["lm_head", "q_proj"],
      "all-linear",
      ".*layers\\.\\d+\\.self_attn\\.(q|o)_proj",
      "model\\.language_model.*(gate|up)_proj",
      "model\\.visual\\.blocks\\.[01]\\.(attn\\.proj|mlp\\.fc1)",
      ["layers.1.self_attn.q_proj", "fc2"],
    ),
    exclude_modules: pick<unknown>(["layers.0.self_attn.q_proj"], ".*layers\\.1\\..*", [
      "down_proj",
      "visual.merger.mlp.0",
    ]),
    rank_pattern: pick<Record<string, number>>(
      { q_proj: 4 },
      { "layers.0.self_attn.q_proj": 1, q_proj: 6 },
      { "layers\\.\\d\\.mlp.*": 7 },
      { "^model\\.language_model.*q_proj": 3 },
    ),
    alpha_pattern: pick<Record<string, number>>(
      { v_proj: 9 },
      { "self_attn\\.[qk]_proj": 3, o_proj: 2 },
      { proj: 100 },
    ),
    bias: pick(...times(15, "none"), "lora_only"),
    use_dora: pick(...times(15, false), true),
    init_lora_weights: pick<unknown>(...times(10, true), ...times(5, "gaussian"), "olora"),
    layers_to_transform: pick<unknown>(...times(10, null), [0], 1, [0, 1]),
    layers_pattern: pick<unknown>(...times(15, null), "layers", ["blocks"]),
    modules_to_save: pick<unknown>(...times(15, null), ["lm_head"]),
  },
  { requiredKeys: ["target_modules", "r"] },
);

const specs = fc.record({
  seed: fc.nat(2 ** 31),
  model: pick("tied", "untied"),
  options,
  embeddings: pick<unknown>("auto", false),
  leftOut: fc.subarray([
    "peft_version",
    "rank_pattern",
    "alpha_pattern",
    "bias",
    "use_rslora",
    "fan_in_fan_out",
    "lora_bias",
  ]),
});

interface Update {
  readonly rank: number;
  readonly scaling: number;
  readonly sums: readonly number[];
}
interface Spec {
  readonly model: "tied" | "untied";
}

/** Sums over scaling · B · A, as judge.py takes them. */
function sumsOf(A: Float32Array, B: Float32Array, { rank, scaling }: { rank: number; scaling: number }): number[] {
  const [rows, columns] = [B.length / rank, A.length / rank];
  const sums = [0, 0, 0];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let delta = 0;
      for (let k = 0; k < rank; k++) delta += B[row * rank + k]! * A[k * columns + column]!;
      delta *= scaling;
      sums[0]! += delta;
      sums[1]! += delta * (row + 1);
      sums[2]! += Math.abs(delta);
    }
  return sums;
}

/** Sums cancel out, so they are compared in units of the sum of sizes. */
function updateDifference(name: string, found: Update | undefined, expected: Update | undefined): string | null {
  if (found === undefined || expected === undefined)
    return `${name} is ${found === undefined ? "missing" : "too many"}`;
  const shape = differenceOf(
    { rank: found.rank, scaling: found.scaling },
    { rank: expected.rank, scaling: expected.scaling },
    name,
  );
  if (shape !== null) return shape;
  const unit = expected.sums[2]! * 40;
  const far = expected.sums.find((sum, i) => Math.abs(sum - found.sums[i]!) > 1e-5 * unit);
  return far === undefined ? null : `${name} sums to ${found.sums}, expected ${expected.sums}`;
}

export const ADAPTER = formatOf<Spec, { readonly modules: Readonly<Record<string, Update>> }>({
  name: "adapter",
  specs: specs as unknown as fc.Arbitrary<Spec>,
  compare: ({ spec, files, answer }) =>
    withFiles(files, (folder) => {
      const { model } = loadReference(spec.model);
      try {
        const adapter = loadLora(model.parameters, folder);
        const found = Object.fromEntries(
          adapter.config.modules.map((module) => {
            const { A, B, scaling } = model.parameters.adapters.get(module)!;
            const form = { rank: A.shape[0]!, scaling };
            if (!model.parameters.has(weightOf(model.parameters, module))) throw new Error(`no weight for ${module}`);
            const sums = sumsOf(A.dataSync() as Float32Array, B.dataSync() as Float32Array, form);
            return [module, { ...form, sums }];
          }),
        );
        const names = new Set([...Object.keys(found), ...Object.keys(answer.modules)]);
        const differences = [...names].map((name) => updateDifference(name, found[name], answer.modules[name]));
        adapter.dispose();
        return differences.find((difference) => difference !== null) ?? null;
      } finally {
        model.dispose();
      }
    }),
});
