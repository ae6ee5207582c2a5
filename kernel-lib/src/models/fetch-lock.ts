import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { StateError } from "../base/errors";

/**
 * Does something that one process at a time may do to a folder. A process that died holds nothing.
 *
 * @param file created while `run` runs; holds the number of the process.
 * @param where who wants what, for the message.
 * @throws StateError when another one is at it.
 */
export async function withFetchLock<T>(
  file: string,
  run: () => Promise<T>,
  where = "fetchModel: the model",
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  take(file, where);
  try {
    return await run();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, where: string): void {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    const owner = Number(readFileSync(file, "utf8"));
    if (isAlive(owner))
      throw new StateError(
        `${where} must not be fetched twice at once; process ${owner} is at it. Wait for it, or delete ${file} if that is another program.`,
        { file, owner },
        cause,
      );
    rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: "wx" });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0); // asks only
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
