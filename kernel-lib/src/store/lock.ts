import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { assertNotInterrupted, isProcessAlive } from "../base/check";
import { StateError } from "../base/errors";
import type { Control } from "../base/types";
import { makeFolder } from "./files";

/**
 * Locks between processes: a file that names its owner. A dead owner's lock is taken over; an owner on another machine or in
 * another container, which cannot be asked, shows its life by touching the file.
 */

/** Where a process runs: process ids mean something only inside one of these. Empty where the system does not tell. */
interface Place {
  readonly host: string;
  /** Of the installed system: two machines may share a host name. */
  readonly machine: string;
  /** New at every start of the machine. */
  readonly boot: string;
  /** Of process ids: containers on one machine have their own. */
  readonly namespace: string;
}

/** Who is at work: written into the lock file. */
export interface LockOwner extends Place {
  readonly token: string;
  readonly pid: number;
  readonly processStart: string;
  /** ISO 8601, for people; no decision is made on it. */
  readonly since: string;
}

function readOr(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return ""; // not Linux, or not allowed: the other facts decide
  }
}

let found: Place | undefined;

function here(): Place {
  found ??= {
    host: hostname(),
    machine: readOr(() => readFileSync("/etc/machine-id", "utf8")),
    boot: readOr(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    namespace: readOr(() => readlinkSync("/proc/self/ns/pid")),
  };
  return found;
}

/** Start time of a process in kernel ticks, so that a reused process id is not mistaken for its former holder. */
function processStart(pid: number): string {
  return readOr(() => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8");
    return fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  });
}

/** This process, as an owner. */
export function thisOwner(token: string): LockOwner {
  const { pid } = process;
  return { token, pid, processStart: processStart(pid), ...here(), since: new Date().toISOString() };
}

/** The owner named in a lock file; null when it is gone or names none. */
async function readOwner(file: string): Promise<LockOwner | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as LockOwner;
  } catch {
    return null;
  }
}

/**
 * Whether an owner lives. "unknown": it runs where this process cannot look (another machine, another container); only its
 * heartbeat can tell.
 */
function lifeOf(owner: LockOwner): "alive" | "dead" | "unknown" {
  const { host, machine, boot, namespace } = here();
  if (owner.host !== host || owner.machine !== machine) return "unknown";
  if (owner.boot !== boot) return "dead"; // the machine was started anew since
  if (owner.namespace !== namespace) return "unknown";
  if (!isProcessAlive(owner.pid)) return "dead";
  return processStart(owner.pid) === owner.processStart ? "alive" : "dead";
}

const nameOf = (owner: LockOwner | null): string =>
  owner === null ? "another process" : `process ${owner.pid} on ${owner.host}`;

/** A lock this process holds. */
export interface Lock {
  /** Whether the lock is still ours: false after somebody declared us dead and took it. */
  isOurs(): Promise<boolean>;
  release(): Promise<void>;
}

const isLock = (answer: object): answer is Lock => "release" in answer;

/** How long a lock may stand still before it is taken from its owner, in milliseconds of this process's own clock. */
interface LockPatience {
  /** An owner that cannot be asked (another machine or container) shows its life by a heartbeat every 5 s. Default 5 minutes. */
  readonly silentMs?: number;
  /** A lock without an owner's name, or a take-over in progress: somebody's next few milliseconds, or a crash. Default 10 s. */
  readonly unfinishedMs?: number;
}

const HEARTBEAT_MS = 5_000;
const SILENT_MS = 300_000;
const UNFINISHED_MS = 10_000;
/** What file systems without hard links say. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"];

/** What was seen of a file, and since when it has not changed. */
const watched = new Map<string, { readonly seen: string; readonly since: number }>();

/**
 * For how long this process has seen a file unchanged; 0 when it is new, changed or gone. Times of change are compared with each
 * other only, never with a clock: the clocks of two machines, or of a file server, may differ by any amount.
 */
async function unchangedMs(file: string, owner: LockOwner | null): Promise<number> {
  const seen = await stat(file).then(
    ({ mtimeMs, ino }) => `${owner?.token} ${mtimeMs} ${ino}`,
    () => null,
  );
  const before = watched.get(file);
  if (seen !== null && before?.seen === seen) return performance.now() - before.since;
  if (seen === null) watched.delete(file);
  else watched.set(file, { seen, since: performance.now() });
  return 0;
}

async function isDead(file: string, owner: LockOwner | null, patience: LockPatience): Promise<boolean> {
  const life = owner === null ? "unknown" : lifeOf(owner);
  if (life !== "unknown") return life === "dead";
  const { silentMs = SILENT_MS, unfinishedMs = UNFINISHED_MS } = patience;
  return (await unchangedMs(file, owner)) > (owner === null ? unfinishedMs : silentMs);
}

/** Creates a file that must not exist yet, with all its text or not at all; false when it exists. */
async function createOnly(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { flag: "wx" });
    await link(draft, file).catch(async (error: NodeJS.ErrnoException) => {
      if (!NO_LINKS.includes(error.code ?? "")) throw error;
      await writeFile(file, text, { flag: "wx" });
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes a dead owner's lock. One process at a time: the guard keeps a second one from removing the lock that replaces it. */
async function removeDead(file: string, patience: LockPatience): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await createOnly(guard, ""))) {
    if (await isDead(guard, null, patience)) await rm(guard, { force: true }); // its maker crashed
    return;
  }
  try {
    const owner = await readOwner(file);
    if (await isDead(file, owner, patience)) await bury(file, owner);
  } finally {
    await rm(guard, { force: true });
  }
}

/** Takes a lock away, and puts it back if meanwhile it has become another one's. */
async function bury(file: string, dead: LockOwner | null): Promise<void> {
  const grave = `${file}.${randomUUID()}`;
  try {
    await rename(file, grave);
    const buried = await readOwner(grave);
    if (buried !== null && buried.token !== dead?.token) await link(grave, file);
  } catch (error) {
    if (!["ENOENT", "EEXIST", ...NO_LINKS].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await rm(grave, { force: true });
  }
}

function hold(file: string, token: string): Lock {
  watched.delete(file);
  const isOurs = async () => (await readOwner(file))?.token === token;
  const heartbeat = setInterval(async () => {
    const now = new Date();
    if (await isOurs()) await utimes(file, now, now).catch(() => undefined); // gone: isOurs() will say so
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const release = async () => {
    clearInterval(heartbeat);
    if (await isOurs()) await rm(file, { force: true });
  };
  return { isOurs, release };
}

/**
 * Takes the lock if it is free or its owner is dead; otherwise says who holds it. Call it again and again to wait: the death of an
 * owner that cannot be asked shows only between calls.
 */
export async function tryLock(file: string, patience: LockPatience = {}): Promise<Lock | { readonly heldBy: string }> {
  const found = await readOwner(file);
  if (await isDead(file, found, patience)) await removeDead(file, patience);
  const token = randomUUID();
  if (await createOnly(file, JSON.stringify(thisOwner(token)))) return hold(file, token);
  const holder = await readOwner(file);
  if (holder?.token === token) return hold(file, token); // made, though the file server said it was not
  return { heldBy: nameOf(holder) };
}

/** Who may be at work under a lock. */
interface LockHolder {
  /** "process 12 on host", or "another process" where the file names none yet. */
  readonly name: string;
  /** "unknown": it runs where this process cannot look. */
  readonly life: "alive" | "unknown";
  readonly pid: number | null;
  /** ISO 8601; null where the file names nobody. */
  readonly since: string | null;
}

/** Looks once, without waiting for a heartbeat: null when the lock is free or its owner is dead. */
export async function lockHolder(file: string): Promise<LockHolder | null> {
  const owner = await readOwner(file);
  if (owner === null) {
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    return isThere ? { name: nameOf(null), life: "unknown", pid: null, since: null } : null;
  }
  const life = lifeOf(owner);
  return life === "dead" ? null : { name: nameOf(owner), life, pid: owner.pid, since: owner.since };
}

interface WithLockOptions<T> {
  /** Who asks, and for what, for messages and progress: "runStage", "reader". */
  readonly where: string;
  readonly what: string;
  /** What to do while another process holds the lock. Default "wait"; "refuse" throws StateError. */
  readonly whenHeld?: "wait" | "refuse";
  /** Looked for while waiting: what it finds ends the wait. Default: nothing. */
  readonly find?: () => Promise<T | null>;
  readonly control?: Control;
}

const POLL_MS = 200;

/**
 * Does something that one process at a time may do. Waits while another one is at it, saying so as progress once a second; a
 * process that died holds nothing. The file is there while `run` runs, and its folder is made.
 *
 * @throws StateError (details: heldBy, lockFile) when it is held and not waited for. InterruptedError when the signal is aborted
 * while waiting. Whatever `run` throws.
 */
export async function withLock<T>(
  file: string,
  run: (lock: Lock) => Promise<T>,
  options: WithLockOptions<T>,
): Promise<T> {
  makeFolder(dirname(file));
  const lock = await waitForLock(file, options);
  if (!isLock(lock)) return lock.found;
  try {
    return await run(lock);
  } finally {
    await lock.release();
  }
}

async function waitForLock<T>(file: string, options: WithLockOptions<T>): Promise<Lock | { readonly found: T }> {
  const { where, what, whenHeld = "wait", find, control = {} } = options;
  for (let polls = 0; ; polls++) {
    assertNotInterrupted(`${where} (${what})`, control.signal);
    const answer = await tryLock(file);
    if (isLock(answer)) return answer;
    const { heldBy } = answer;
    if (whenHeld === "refuse")
      throw new StateError(
        `${where}: ${what} must be free; ${heldBy} is at work on it. Try again later; if that process is gone, delete ${file}.`,
        { heldBy, lockFile: file },
      );
    if (polls % 5 === 0) {
      const waitedSeconds = Math.round((polls * POLL_MS) / 1000);
      control.onProgress?.({ stage: `${what}: waiting for ${heldBy}`, done: 0, total: 1, values: { waitedSeconds } });
    }
    await sleep(POLL_MS);
    const found = (await find?.()) ?? null;
    if (found !== null) return { found };
  }
}
