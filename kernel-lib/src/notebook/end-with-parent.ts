/**
 * Ends a kernel when the program that started it is gone, even if that was killed: nobody could reach the kernel any more.
 * That program names itself in JPY_PARENT_PID, as Jupyter and the runner do.
 */
const LOOK_EVERY_MS = 1000;
const parent = Number(process.env["JPY_PARENT_PID"]);

if (parent === process.ppid)
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, LOOK_EVERY_MS).unref();
