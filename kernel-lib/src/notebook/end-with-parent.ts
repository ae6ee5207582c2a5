import { isMainThread, Worker } from "node:worker_threads";

/**
 * Ends a kernel when the program that started it is gone, even if that was killed: nobody could reach the kernel any more.
 * That program names itself in JPY_PARENT_PID, as Jupyter and the runner do.
 * A thread of its own looks, since a cell that never gives way stops every timer of the main one.
 */

const LOOK_EVERY_MS = 1000;
const parent = Number(process.env["JPY_PARENT_PID"]);

if (!isMainThread)
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, LOOK_EVERY_MS);
else if (parent === process.ppid) new Worker(__filename, { execArgv: [] }).unref();
