/**
 * The errors every function of kernel-lib throws.
 *
 * Wording: `<function>: <argument> must <rule>; got <value or shape>. <what to do next>.`
 * Judge an error by `isKernelError(e)` and `e.code`, not by `instanceof`: a notebook and a test may hold two copies of the library.
 */
export type ErrorCode = "shape" | "config" | "data" | "numeric" | "state" | "environment" | "interrupted";

/** Facts behind the message, for programs: received value, expected shape, file, line, field … */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Base of all errors of kernel-lib. */
export class KernelError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** An array or tensor has the wrong shape. */
export class ShapeError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("shape", message, details, cause);
  }
}

/** An option is unknown, out of range, or contradicts another one. */
export class ConfigError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("config", message, details, cause);
  }
}

/** A file or a row of data cannot be read as what it should be. Details name file, field and, where there is one, line. */
export class DataError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("data", message, details, cause);
  }
}

/** NaN or an infinity where a finite number is needed. Details name the step and the tensor. */
export class NumericError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("numeric", message, details, cause);
  }
}

/** Something was used after dispose(), before it was ready, or twice. */
export class StateError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("state", message, details, cause);
  }
}

/** The machine lacks something: a program, a native binding, disk space, a network. */
export class EnvironmentError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("environment", message, details, cause);
  }
}

/** A long step was stopped by its AbortSignal; what it had saved can be resumed. */
export class InterruptedError extends KernelError {
  constructor(message: string, details?: ErrorDetails, cause?: unknown) {
    super("interrupted", message, details, cause);
  }
}

/** Whether a caught value is an error of kernel-lib (of this or another loaded copy), with this code if one is named. */
export function isKernelError(error: unknown, code?: ErrorCode): error is KernelError {
  if (!(error instanceof Error)) return false;
  const found = (error as Partial<KernelError>).code;
  const codes: readonly unknown[] = ["shape", "config", "data", "numeric", "state", "environment", "interrupted"];
  return codes.includes(found) && "details" in error && (code === undefined || found === code);
}
