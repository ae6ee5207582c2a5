import { assertInRange, assertInteger } from "../base/check";
import { ConfigError } from "../base/errors";

/** A learning rate for each step; steps count from 0. */
export type Schedule = (step: number) => number;

export interface CosineOptions {
  /** Highest rate, reached at the end of the warm-up, > 0. */
  readonly learningRate: number;
  /** Optimiser steps of the whole training. */
  readonly steps: number;
  /** Steps of the linear warm-up, < steps. Default 0. */
  readonly warmupSteps?: number;
}

/**
 * Linear warm-up, then half a cosine down to zero.
 *
 * Paper: stage 1 warms up for 10 % of its steps, stage 2 for 1,000 steps.  Deviation: none.
 * The first step already learns: its rate is learningRate / warmupSteps, not 0.
 *
 * @throws ConfigError when an option is out of range or the warm-up is as long as the training.
 * @example cosineSchedule({ learningRate: 1, steps: 10, warmupSteps: 2 })(0)   // 0.5
 */
export function cosineSchedule(options: CosineOptions): Schedule {
  const { learningRate, steps, warmupSteps = 0 } = options;
  assertInRange("cosineSchedule: learningRate", learningRate, Number.MIN_VALUE, Number.MAX_VALUE);
  assertInteger("cosineSchedule: steps", steps, 1);
  assertInteger("cosineSchedule: warmupSteps", warmupSteps, 0);
  if (warmupSteps >= steps) {
    throw new ConfigError(
      `cosineSchedule: warmupSteps must be less than steps = ${steps}; got ${warmupSteps}. Train longer or warm up for less.`,
      { warmupSteps, steps },
    );
  }
  return (step) => {
    if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
    const progress = (step - warmupSteps) / (steps - warmupSteps);
    return (learningRate * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
  };
}
