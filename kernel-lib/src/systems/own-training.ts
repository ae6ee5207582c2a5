import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type * as tf from "@tensorflow/tfjs-core";
import type { Head } from "../base/types";
import { adapterWeightsFile } from "../models/lora/peft-files";
import { HEADS } from "../retriever/retrieve";
import { readJson, writeJson } from "../store/files";
import type { LoopOptions } from "../training/loop";
import type { RetrieverStageOptions } from "../training/retriever-options";
import { cosineSchedule } from "../training/schedule";

// What the trainings of systems of others share: where they keep what they learned, how they say what they cost, and how long those train that are
// not a stage of the run.

/** Folder of a reader's adapter in that of what a training learned. */
export const ADAPTER = "adapter";
/** File of a head's query tower there. */
export const headTowerFile = (head: Head): string => `${head}.safetensors`;
/** File of the query tower of a domain of the corpus. */
export const domainTowerFile = (domain: number): string => `domain-${domain}.safetensors`;
const DOMAIN_TOWER = /^domain-\d+\.safetensors$/;

/** The files of the adapter and towers that a training left in a folder. */
export function weightFiles(folder: string): string[] {
  const ofDomains = readdirSync(folder).filter((name) => DOMAIN_TOWER.test(name));
  const towers = [...HEADS.map(headTowerFile), ...ofDomains].map((name) => join(folder, name));
  return [adapterWeightsFile(join(folder, ADAPTER)), ...towers].filter((file) => existsSync(file));
}

const COST_FILE = "cost.json";

/** What a training of a system's own took, in the folder of what it learned. */
export interface TrainingCost {
  /** Prompts that the reader read for it. */
  readonly readerPasses: number;
  /** Weights that it trained. Absent: those of the adapter and towers that it left. */
  readonly trainedWeights?: number;
}

export const writeCost = (folder: string, cost: TrainingCost): void => writeJson(folder, COST_FILE, cost);

/** Null where the training says nothing. */
export function readCost(folder: string): TrainingCost | null {
  return existsSync(join(folder, COST_FILE)) ? readJson<TrainingCost>(folder, COST_FILE) : null;
}

/** How many numbers variables hold. */
export const countWeights = (variables: readonly tf.Variable[]): number =>
  variables.reduce((sum, { size }) => sum + size, 0);

/** A training as long as stage 2 of both heads together, at its rate and with its decay. */
export function asLongAsStage2({
  steps,
  learningRate,
  warmupSteps,
  evaluateEvery,
  weightDecay = 0.01,
}: RetrieverStageOptions): Omit<LoopOptions, "seed"> {
  const all = HEADS.length * steps;
  const schedule = cosineSchedule({ learningRate, steps: all, warmupSteps: Math.min(warmupSteps, all - 1) });
  return { steps: all, schedule, evaluateEvery, clipNorm: 1, adamw: { weightDecay } };
}
