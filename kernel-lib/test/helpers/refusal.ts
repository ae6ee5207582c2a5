import { isKernelError, type KernelError } from "../../src/base/errors";

/** Runs something that must be refused at once and returns its typed error. What refuses later: `refusal` of data/helpers. */
export function refusal(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    if (isKernelError(error)) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}
