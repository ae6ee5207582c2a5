import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";

/** Who computes an artifact: written into its lock file. */
interface LockOwner {
  readonly token: string;
  readonly pid: number;
  readonly processStart: string;
  readonly host: string;
  readonly since: string;
}

/** A lock this process holds. */
export interface ArtifactLock {
  /** Whether the lock is still ours: false after somebody declared us dead and took it. */
  isOurs(): Promise<boolean>;
  release(): Promise<void>;
}

const HEARTBEAT_MS = 5_000;
/** An owner on another machine cannot be asked whether it lives: without a heartbeat for this long it counts as dead. */
const REMOTE_DEAD_MS = 600_000;
/** A lock without an owner's name, or a take-over in progress, is somebody's next few milliseconds, or a crash. */
const UNFINISHED_MS = 10_000;

/** Start time of a process in kernel ticks, so that a reused process id is not mistaken for its former holder. */
function processStart(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8");
    return fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return ""; // not Linux, or already gone: the process id alone decides
  }
}

function isAlive(owner: LockOwner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // alive, another user's
  }
  return processStart(owner.pid) === owner.processStart;
}

async function readOwner(file: string): Promise<LockOwner | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as LockOwner;
  } catch {
    return null; // gone, or not yet written
  }
}

async function ageMs(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
}

async function isDead(file: string): Promise<boolean> {
  const owner = await readOwner(file);
  if (owner === null) return (await ageMs(file)) > UNFINISHED_MS;
  return owner.host === hostname() ? !isAlive(owner) : (await ageMs(file)) > REMOTE_DEAD_MS;
}

/** Creates a file that must not exist yet; false when it does. */
async function createOnly(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a dead owner's lock. The guard file keeps a second process from removing the lock that replaces it. */
async function removeDead(file: string): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await createOnly(guard, ""))) {
    if ((await ageMs(guard)) > UNFINISHED_MS) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isDead(file)) await rm(file, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

function hold(file: string, token: string): ArtifactLock {
  const isOurs = async () => (await readOwner(file))?.token === token;
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined); // gone: isOurs() will say so
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const release = async () => {
    clearInterval(heartbeat);
    if (await isOurs()) await rm(file, { force: true });
  };
  return { isOurs, release };
}

/** Takes the lock if it is free or its owner is dead; otherwise says who holds it. */
export async function tryLock(file: string): Promise<ArtifactLock | { readonly heldBy: string }> {
  if (await isDead(file)) await removeDead(file);
  const token = randomUUID();
  const since = new Date().toISOString();
  const owner: LockOwner = {
    token,
    pid: process.pid,
    processStart: processStart(process.pid),
    host: hostname(),
    since,
  };
  if (await createOnly(file, JSON.stringify(owner))) return hold(file, token);
  const holder = await readOwner(file);
  return { heldBy: holder === null ? "another process" : `process ${holder.pid} on ${holder.host}` };
}
