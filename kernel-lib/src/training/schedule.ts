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
  /** Steps at the highest rate after the warm-up, before it falls; with the warm-up < steps. Default 0. */
  readonly holdSteps?: number;
}

/**
 * Linear warm-up, a stay at the highest rate where one is asked for, then half a cosine down to zero.
 *
 * Paper: stage 1 warms up for 10 % of its steps, stage 2 for 1,000 steps.  Deviation: none.
 * The first step already learns: its rate is learningRate / warmupSteps, not 0.
 *
 * @throws ConfigError when an option is out of range or warm-up and stay are as long as the training.
 * @example cosineSchedule({ learningRate: 1, steps: 10, warmupSteps: 2 })(0)   // 0.5
 */
export function cosineSchedule(options: CosineOptions): Schedule {
  const { learningRate, steps, warmupSteps = 0, holdSteps = 0 } = options;
  assertInRange("cosineSchedule: learningRate", learningRate, Number.MIN_VALUE, Number.MAX_VALUE);
  assertInteger("cosineSchedule: steps", steps, 1);
  assertInteger("cosineSchedule: warmupSteps", warmupSteps, 0);
  assertInteger("cosineSchedule: holdSteps", holdSteps, 0);
  const fallFrom = warmupSteps + holdSteps;
  if (fallFrom >= steps) {
    throw new ConfigError(
      `cosineSchedule: warmupSteps + holdSteps must be less than steps = ${steps}; got ${fallFrom}. Train longer or stay for less.`,
      { warmupSteps, holdSteps, steps },
    );
  }
  return (step) => {
    if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
    const progress = Math.max(0, step - fallFrom) / (steps - fallFrom);
    return (learningRate * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
  };
}
