import { type ParseArgsConfig, parseArgs } from "node:util";
import { ConfigError, isKernelError } from "../base/errors";
import type { TerminalProgress } from "./terminal-progress";

// What every command of the terminal does: reads its words, stops on Ctrl-C, says what went wrong.

/**
 * The words of a command line, read by parseArgs.
 *
 * @param help what the command can be asked, for the error.
 * @param where put before the error: "reproduce: ". Default nothing, where runCommand names the command.
 * @throws ConfigError on an unknown option, or one without its value.
 */
export function readWords<T extends ParseArgsConfig>(
  config: T,
  help: string,
  where = "",
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new ConfigError(`${where}${(cause as Error).message.split(". ")[0]}.\n${help}`, { argv: config.args }, cause);
  }
}

/** What is said of an error: its message where it is the library's, else where it came from. */
export function failureText(error: unknown): string {
  if (isKernelError(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

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
