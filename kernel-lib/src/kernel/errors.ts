import { EnvironmentError, type ErrorDetails, StateError } from "../base/errors";

/** What went wrong with a kernel, in `details.reason`. */
export type KernelFailure = "kernel-died" | "start-timeout" | "cell-timeout";

/** The kernel's process ended while it was needed. Details hold exit code, signal and the last lines it wrote. */
export class KernelDiedError extends EnvironmentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "kernel-died" satisfies KernelFailure, ...details });
  }
}

/** The kernel did not answer in time after its process was started. */
export class KernelStartError extends EnvironmentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "start-timeout" satisfies KernelFailure, ...details });
  }
}

/** A cell ran longer than it was allowed to. */
export class CellTimeoutError extends StateError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "cell-timeout" satisfies KernelFailure, ...details });
  }
}
