import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { MessageContent } from "../message";

/** What was run, in this session and in earlier ones: one JSON line an entry, in Jupyter's folder of data. */

type Entry = readonly [session: number, line: number, source: string];

const FILE = "kernel-lib-history.jsonl";
/** "off" keeps the history of this session in memory only. */
const SWITCH = "KERNEL_LIB_HISTORY";

function historyFile(): string {
  const own = process.env["JUPYTER_DATA_DIR"];
  const home =
    process.platform === "darwin"
      ? join(homedir(), "Library", "Jupyter")
      : join(homedir(), ".local", "share", "jupyter");
  return join(own || home, FILE);
}

function parseEntry(line: string): Entry[] {
  try {
    const [session, number, source] = JSON.parse(line) as unknown[];
    if (typeof session === "number" && typeof number === "number" && typeof source === "string")
      return [[session, number, source]];
  } catch {
    // a line that was cut off
  }
  return [];
}

function readEntries(): Entry[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").flatMap(parseEntry);
  } catch {
    return []; // none yet
  }
}

export class History {
  private readonly file: string | null = process.env[SWITCH] === "off" ? null : historyFile();
  private entries: Entry[] | null = null;
  private readonly now: Entry[] = [];
  private session: number | null = null;

  private earlier(): Entry[] {
    this.entries ??= this.file === null ? [] : readEntries();
    this.session ??= this.entries.reduce((most, [session]) => Math.max(most, session), 0) + 1;
    return this.entries;
  }

  add(line: number, source: string): void {
    this.earlier();
    const entry: Entry = [this.session!, line, source];
    this.now.push(entry);
    if (this.file === null) return;
    try {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      appendFileSync(this.file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch {
      // a folder that cannot be written to: the session's own history is kept in memory
    }
  }

  /** The content of a history_reply. */
  reply(content: MessageContent): MessageContent {
    const all = [...this.earlier(), ...this.now];
    const found = this.find(all, content);
    const shown = content["output"] === true ? found.map(([s, n, source]) => [s, n, [source, null]]) : found;
    return { status: "ok", history: shown };
  }

  private find(all: readonly Entry[], content: MessageContent): readonly Entry[] {
    const count = Number(content["n"] ?? 10);
    if (content["hist_access_type"] === "range") return this.range(all, content);
    if (content["hist_access_type"] !== "search") return all.slice(-count);
    const pattern = globPattern(String(content["pattern"] ?? "*"));
    const matching = all.filter(([, , source]) => pattern.test(source));
    const unique = content["unique"] === true ? lastOfEach(matching) : matching;
    return unique.slice(-count);
  }

  /** Lines of one session; 0 is this one, -1 the one before. */
  private range(all: readonly Entry[], content: MessageContent): readonly Entry[] {
    const asked = Number(content["session"] ?? 0);
    const session = asked > 0 ? asked : this.session! + asked;
    const [start, stop] = [Number(content["start"] ?? 0), Number(content["stop"] ?? Number.POSITIVE_INFINITY)];
    return all.filter(([own, line]) => own === session && line >= start && line < stop);
  }
}

function lastOfEach(entries: readonly Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry[2], entry])).values()];
}

/** A pattern in which `*` stands for anything and `?` for one character. */
function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[\\s\\S]*")
    .replaceAll("?", "[\\s\\S]");
  return new RegExp(`^${escaped}$`);
}
