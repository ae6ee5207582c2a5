import { DataError } from "../base/errors";
import type { Matrix } from "../base/types";
import { readSafetensors, writeSafetensors } from "./safetensors";

/** Writes matrices by name into one safetensors file. */
export function writeMatrices(file: string, matrices: Readonly<Record<string, Matrix>>): void {
  const tensors = Object.entries(matrices).map(
    ([name, { data, rows, cols }]) => [name, { dtype: "F32", shape: [rows, cols], data } as const] as const,
  );
  writeSafetensors(file, tensors);
}

/** Reads matrices by name. @throws DataError when one is missing or no matrix of floats. */
export function readMatrices<K extends string>(file: string, names: readonly K[]): Record<K, Matrix> {
  const { tensors } = readSafetensors(file);
  const entries = names.map((name) => {
    const found = tensors.get(name);
    if (found?.shape.length !== 2 || !(found.data instanceof Float32Array)) {
      throw new DataError(
        `readMatrices: ${file} must hold a matrix ${name}; got ${found === undefined ? "nothing" : `${found.dtype} [${found.shape.join(", ")}]`}. Delete the artifact's folder to compute it again.`,
        { file, name },
      );
    }
    return [name, { data: found.data, rows: found.shape[0]!, cols: found.shape[1]! }] as const;
  });
  return Object.fromEntries(entries) as Record<K, Matrix>;
}
