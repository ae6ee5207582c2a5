import { isKernelError } from "../base/errors";
import type { TerminalProgress } from "./terminal-progress";

/**
 * Runs a command of the terminal: Ctrl-C aborts its signal, and an error of the library is one line under the command's name.
 *
 * @returns the exit code: the work's, or 1 after such an error. Other errors are thrown as they are.
 */
export async function runCommand(
  name: string,
  progress: TerminalProgress,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    progress.say(`${name}: ${error.message}`);
    return 1;
  } finally {
    process.removeListener("SIGINT", interrupt);
  }
}
