import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** When a process started, as text, so that a reused id is not taken for the old process; null when it is gone. */
export function startOf(pid) {
  if (!existsSync("/proc/self/stat")) {
    return spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout?.trim() || null;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return null;
  }
}

/** Whether the very process that was written down is still there. */
export function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === "ESRCH") return false;
  }
  return startOf(pid) === started;
}

/** What is written down of a process. */
export function identityOf(pid) {
  return { pid, started: startOf(pid) };
}

const folderOf = (root) => join(root, ".setup", "children");

/** Writes down a program that set-up has started; call the returned function when it has ended. */
export function rememberChild(root, pid) {
  const file = join(folderOf(root), `${pid}.json`);
  try {
    mkdirSync(folderOf(root), { recursive: true });
    writeFileSync(file, JSON.stringify(identityOf(pid)));
  } catch {
    // a full disk stops the program itself, with a better message
  }
  return () => rmSync(file, { force: true });
}

async function endProcess(child) {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    if (!isAlive(child)) return;
    process.kill(child.pid, signal);
    for (let waited = 0; waited < 5000 && isAlive(child); waited += 50) await sleep(50);
  }
}

/** Ends what a killed set-up has left running (npm ci, pip …), so that it cannot write beside the next one. */
export async function endOrphans(root) {
  if (!existsSync(folderOf(root))) return;
  for (const name of readdirSync(folderOf(root))) {
    const file = join(folderOf(root), name);
    try {
      await endProcess(JSON.parse(readFileSync(file, "utf8")));
    } catch {
      // a half-written note, or a process that ended just now
    }
    rmSync(file, { force: true });
  }
}
