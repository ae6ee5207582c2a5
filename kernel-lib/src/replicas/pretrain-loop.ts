import type { Control } from "../base/types";
import { type LoopResult, type Trainee, trainLoop } from "../training/loop";
import { cosineSchedule } from "../training/schedule";

/** How long and how fast one phase of pre-training learns. */
export interface PretrainingPhase {
  readonly steps: number;
  /** Scenes, pairs or exercises per step. */
  readonly batchSize: number;
  /** Highest learning rate, after the warm-up; a cosine to 0 follows. */
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly evaluateEvery: number;
}

/** Where resumable state is kept, and how a caller watches and stops. */
export interface PretrainingHooks {
  /** Names the state file of a phase. Default: no state is kept. */
  readonly stateFile?: (phase: string) => string;
  readonly control?: Control;
}

/** Which phase of which seed is run. */
interface PhaseRun {
  readonly name: string;
  readonly seed: number;
  readonly hooks: PretrainingHooks;
}

/**
 * Runs one phase of pre-training: AdamW (decay 0.01 on matrices), warm-up and cosine, gradients no longer than 1.
 *
 * @throws NumericError when the loss is no longer finite. InterruptedError when the control's signal is aborted.
 */
export function pretrainLoop<Batch>(
  trainee: Trainee<Batch>,
  phase: PretrainingPhase,
  { name, seed, hooks }: PhaseRun,
): Promise<LoopResult> {
  const { stateFile, control } = hooks;
  return trainLoop(trainee, {
    steps: phase.steps,
    schedule: cosineSchedule(phase),
    seed,
    evaluateEvery: phase.evaluateEvery,
    adamw: { weightDecay: 0.01, decayed: "matrices" },
    clipNorm: 1,
    ...(stateFile === undefined ? {} : { stateFile: stateFile(name) }),
    ...(control === undefined ? {} : { control }),
  });
}
