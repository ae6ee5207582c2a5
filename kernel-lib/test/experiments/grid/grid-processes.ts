import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { repositoryRoot } from "../../../src/base/paths";

/** What the processes of the tests work on together. */
export const GRID_OF_PROCESSES = {
  profile: "test",
  source: "phantom",
  tasks: ["breast-mnist", "retina-mnist"],
  systems: ["closed-book", "ft-rag", "jomed"],
} as const;

/** Ids of its stages: leaks, index, two readers, scores, two heads, three predictions, results; for each task. */
export const NUM_STAGES = 2 * 11;

/** The built program. */
export interface GridProgram {
  start(models: string, artifactsDir: string): RunningGrid;
  dispose(): void;
}

export interface RunningGrid {
  readonly child: ChildProcess;
  /** Lines so far. */
  readonly lines: readonly string[];
  /** Called for every further line. */
  onLine(listener: (line: string) => void): void;
  /** All lines, once it has ended or was killed. @throws when it broke off by itself. */
  readonly ended: Promise<readonly string[]>;
}

export async function buildProgram(): Promise<GridProgram> {
  const library = join(repositoryRoot(), "kernel-lib");
  // below the repository, where it finds its packages, and not in dist, which builds may empty
  mkdirSync(join(repositoryRoot(), ".setup"), { recursive: true });
  const folder = mkdtempSync(join(repositoryRoot(), ".setup", "grid-child-"));
  const output = { format: "cjs", entryFileNames: "child.cjs" } as const;
  await build({
    configFile: false,
    logLevel: "silent",
    build: {
      ssr: join(library, "test", "experiments", "grid", "grid-child.ts"),
      outDir: folder,
      rollupOptions: { output },
    },
  });
  return {
    start: (models, artifactsDir) => start(join(folder, "child.cjs"), [models, artifactsDir]),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function start(program: string, argv: readonly string[]): RunningGrid {
  const child = spawn(process.execPath, [program, ...argv], { env: { ...process.env, GRID_CHILD: "1" } });
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  let rest = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  child.stdout.on("data", (chunk) => {
    const parts = `${rest}${chunk}`.split("\n");
    rest = parts.pop()!;
    for (const line of parts) {
      lines.push(line);
      for (const listener of listeners) listener(line);
    }
  });
  const ended = new Promise<readonly string[]>((resolve, reject) =>
    child.on("close", (code) => {
      if (code === 0 || code === null) resolve(lines);
      else reject(new Error(`the program ended with ${code}: ${lines.at(-1)}\n${errors}`));
    }),
  );
  return { child, lines, onLine: (listener) => void listeners.push(listener), ended };
}

/** What the grid's log says was computed: stage ids, in order. */
export function computedIds(artifactsDir: string): string[] {
  const text = readFileSync(join(artifactsDir, "grid", "phantom-test", "log.jsonl"), "utf8");
  const entries = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; id: string });
  return entries.filter(({ event }) => event === "computed").map(({ id }) => id);
}

/** The bytes of every predictions file by key. */
export function predictionBytes(artifactsDir: string): Map<string, string> {
  const folder = join(artifactsDir, "predictions");
  const keys = readdirSync(folder).filter((name) => /^[0-9a-f]{32}$/.test(name));
  return new Map(keys.sort().map((key) => [key, readFileSync(join(folder, key, "predictions.json"), "utf8")]));
}
