import { readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

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

/** Who computes an artifact: written into its lock file. */
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
export async function readOwner(file: string): Promise<LockOwner | null> {
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
export function lifeOf(owner: LockOwner): "alive" | "dead" | "unknown" {
  const { host, machine, boot, namespace } = here();
  if (owner.host !== host || owner.machine !== machine) return "unknown";
  if (owner.boot !== boot) return "dead"; // the machine was started anew since
  if (owner.namespace !== namespace) return "unknown";
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "alive" : "dead"; // EPERM: alive, another user's
  }
  return processStart(owner.pid) === owner.processStart ? "alive" : "dead";
}
