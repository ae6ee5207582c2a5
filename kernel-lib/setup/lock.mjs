import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identityOf, isAlive } from "./processes.mjs";

/** A lock without a readable owner is somebody between creating and writing it, unless it stays so this long. */
const UNREADABLE_MS = 5000;

/** What the lock says now: {text, pid, dead}, or null when there is none (any more). */
function readLock(path) {
  try {
    const text = readFileSync(path, "utf8");
    const age = Date.now() - statSync(path).mtimeMs;
    try {
      const owner = JSON.parse(text);
      return { text, pid: owner.pid, dead: !isAlive(owner) };
    } catch {
      return { text, pid: null, dead: age > UNREADABLE_MS };
    }
  } catch {
    return null;
  }
}

/** Takes a dead owner's lock away; puts it back when, meanwhile, somebody alive had taken it. */
function removeDead(path, text) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") === text) rmSync(aside);
    else renameSync(aside, path);
  } catch {
    // another set-up was faster; the next round looks again
  }
}

function tryTake(path, text) {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Waits until no other set-up works in this checkout, then keeps others out until the returned function is called.
 * A lock whose owner has died is taken over. `onWait(pid)` is told once, when there is somebody to wait for.
 */
export async function takeLock(root, onWait, pauseMs = 200) {
  const path = join(root, ".setup", "lock");
  mkdirSync(join(root, ".setup"), { recursive: true });
  const text = JSON.stringify(identityOf(process.pid));
  let told = false;
  while (!tryTake(path, text)) {
    const lock = readLock(path);
    if (lock?.dead) {
      removeDead(path, lock.text);
      continue;
    }
    if (lock?.pid && !told) {
      onWait(lock.pid);
      told = true;
    }
    await sleep(pauseMs);
  }
  return () => {
    if (readLock(path)?.text === text) rmSync(path, { force: true });
  };
}
