import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../base/errors";
import type { CurvePoint } from "../base/types";
import type { AdamWState } from "../compute/adamw";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../compute/safetensors";

/** Everything a training needs to go on bit for bit. Random draws are not in it: they depend on seed and step only. */
export interface TrainingState {
  readonly stage: string;
  readonly step: number;
  readonly values: readonly Float32Array[];
  readonly optimiser: AdamWState;
  readonly bestStep: number;
  readonly bestScore: number;
  readonly bestValues: Float32Array[];
  readonly curve: readonly CurvePoint[];
  readonly extra: unknown;
}

const FORMAT = "jomed-training-state-1";

/** Copies of the variables' values. */
export function copyValues(variables: readonly tf.Variable[]): Float32Array[] {
  return variables.map((variable) => (variable.dataSync() as Float32Array).slice());
}

/** Puts values back into the variables. */
export function restoreValues(variables: readonly tf.Variable[], values: readonly Float32Array[]): void {
  variables.forEach((variable, i) => {
    tf.tidy(() => variable.assign(tf.tensor(values[i]!.slice(), variable.shape, "float32")));
  });
}

const flat = (data: Float32Array): StoredTensor => ({ dtype: "F32", shape: [data.length], data });

/** SHA-256 of everything in a state's file: a step from damaged numbers would look like any other. */
function digestOf(facts: string, tensors: Iterable<readonly [string, StoredTensor]>): string {
  const hash = createHash("sha256").update(facts);
  for (const [name, { data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}

/** Writes the state as one safetensors file, atomically: after a crash the old one or the new one is there. */
export async function writeTrainingState(file: string, state: TrainingState): Promise<void> {
  const { values, bestValues, optimiser, ...rest } = state;
  const tensors: [string, StoredTensor][] = [
    ...values.map((data, i) => [`value.${i}`, flat(data)] as [string, StoredTensor]),
    ...bestValues.map((data, i) => [`best.${i}`, flat(data)] as [string, StoredTensor]),
    ["optimiser.mean", flat(optimiser.mean)],
    ["optimiser.variance", flat(optimiser.variance)],
  ];
  const facts = JSON.stringify({ ...rest, optimiserStep: optimiser.step, numValues: values.length });
  writeSafetensors(file, tensors, { format: FORMAT, facts, sha256: digestOf(facts, tensors) });
}

type Facts = Omit<TrainingState, "values" | "bestValues" | "optimiser"> & { optimiserStep: number; numValues: number };

/**
 * Reads a state back; null when there is none.
 *
 * @throws DataError when the file is damaged or belongs to another stage or other variables.
 */
export async function readTrainingState(
  file: string,
  stage: string,
  variables: readonly tf.Variable[],
): Promise<TrainingState | null> {
  if (!existsSync(file)) return null;
  const { tensors, metadata } = readSafetensors(file);
  const refuse = (rule: string): never => {
    throw new DataError(`readTrainingState: ${file} must ${rule}. Delete it to start the training again.`, { file });
  };
  if (metadata["format"] !== FORMAT) refuse(`have format ${FORMAT}; got ${metadata["format"]}`);
  const text = metadata["facts"] ?? "{}";
  // states of older versions have no digest
  if (metadata["sha256"] !== undefined && metadata["sha256"] !== digestOf(text, tensors))
    refuse("be as it was written");
  const facts = JSON.parse(text) as Facts;
  if (facts.stage !== stage) refuse(`belong to stage "${stage}"; got "${facts.stage}"`);
  if (facts.numValues !== variables.length) refuse(`hold ${variables.length} variables; got ${facts.numValues}`);
  const take = (name: string, size: number | null): Float32Array => {
    const data = tensors.get(name)?.data;
    if (!(data instanceof Float32Array) || (size !== null && data.length !== size)) {
      return refuse(`hold ${size ?? "some"} values as ${name}; got ${data?.length ?? "none"}`);
    }
    return data;
  };
  const { optimiserStep, numValues: _numValues, ...rest } = facts;
  return {
    ...rest,
    values: variables.map((variable, i) => take(`value.${i}`, variable.size)),
    bestValues: variables.map((variable, i) => take(`best.${i}`, variable.size)),
    optimiser: { step: optimiserStep, mean: take("optimiser.mean", null), variance: take("optimiser.variance", null) },
  };
}
