import { resolve } from "node:path";
import { assertInRange, assertOneOf } from "../base/check";
import { ConfigError, isKernelError } from "../base/errors";
import { visibleText } from "../base/plain-text";
import { defaultArtifactsDir } from "../experiments/run";
import type { StageFacts } from "../experiments/stages/stage";
import {
  type Inventory,
  type PruneItem,
  planPrune,
  removeArtifact,
  type StoredArtifact,
  takeInventory,
} from "../store/inventory";
import { readWords } from "./command";

const HELP = `npm run artifacts -- list | prune [options]
  list                 every stored result: size, age, when it was last used, what it was made from, what uses it
  prune                removes results that nothing has used for 30 days, and what stopped computations left that long ago;
                       never what the manifest of a result in use refers to
  --days N             another number of days (0: everything; at least 7 count while a process computes in the folder)
  --dry-run            prune: only say what would go
  --folder DIR         another artifacts folder (default JOMED_ARTIFACTS_DIR, else data/artifacts)`;

const VERBS = ["list", "prune"] as const;

interface Options {
  readonly verb: (typeof VERBS)[number];
  readonly days: number;
  readonly mode: "dry" | "real";
  readonly folder: string;
}

/** Runs `npm run artifacts`. @returns the exit code. */
export async function main(argv: readonly string[], say: (line: string) => void = print): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options === "help") say(HELP);
    else await (options.verb === "list" ? list(options, say) : prune(options, say));
    return 0;
  } catch (error) {
    if (!isKernelError(error)) throw error;
    say(`artifacts: ${error.message}`);
    return 1;
  }
}

function print(line: string): void {
  process.stdout.write(`${visibleText(line)}\n`);
}

function readOptions(argv: readonly string[]): Options | "help" {
  const known = {
    days: { type: "string", default: "30" },
    "dry-run": { type: "boolean", default: false },
    folder: { type: "string" },
    help: { type: "boolean", default: false },
  } as const;
  const { values, positionals } = readWords({ args: [...argv], options: known, allowPositionals: true }, HELP);
  if (values.help || positionals.length === 0) return "help";
  const [verb, ...more] = positionals;
  assertOneOf("artifacts: the command", verb, VERBS);
  if (more.length > 0) throw new ConfigError(`artifacts: there must be one command; got also ${more.join(" ")}.`);
  const days = values.days.trim() === "" ? Number.NaN : Number(values.days);
  assertInRange("artifacts: --days", days, 0, 36_500);
  const mode = values["dry-run"] ? "dry" : "real";
  return { verb, days, mode, folder: resolve(values.folder ?? defaultArtifactsDir()) };
}

async function list({ folder }: Options, say: (line: string) => void): Promise<void> {
  const inventory = await takeInventory(folder);
  const { artifacts, leftovers, others } = inventory;
  say(folder);
  const nameOf = namesOf(inventory);
  const now = Date.now();
  for (const artifact of artifacts) {
    const { key, bytes, manifest, lastUsed, uses, usedBy } = artifact;
    const age = `made ${ageText(now - Date.parse(manifest.finishedAt))} ago, used ${ageText(now - lastUsed)} ago`;
    say(`${nameOf(key).padEnd(28)} ${sizeText(bytes).padStart(9)}  ${age}, seed ${manifest.seed}${sickness(artifact)}`);
    if (uses.length > 0) say(`${" ".repeat(30)}made from ${uses.map(nameOf).join(", ")}`);
    if (usedBy.length > 0) say(`${" ".repeat(30)}used by ${usedBy.map(nameOf).join(", ")}`);
  }
  for (const { stage, key, kind, held, bytes, lastUsed } of leftovers) {
    const state = held === "held" ? "a process is at work on it" : `untouched for ${ageText(now - lastUsed)}`;
    say(`${`${stage}/${key.slice(0, 8)}`.padEnd(28)} ${sizeText(bytes).padStart(9)}  ${kind}, ${state}`);
  }
  for (const { name, bytes } of others)
    say(`${name.padEnd(28)} ${sizeText(bytes).padStart(9)}  kept apart, never pruned`);
  const total = [...artifacts, ...leftovers, ...others].reduce((sum, { bytes }) => sum + bytes, 0);
  say(`${artifacts.length} results, ${leftovers.length} leftovers, ${sizeText(total)}.`);
}

async function prune({ folder, days, mode }: Options, say: (line: string) => void): Promise<void> {
  const planned = Date.now();
  const items = planPrune(await takeInventory(folder), { days, now: planned });
  let freed = 0;
  let removed = 0;
  for (const item of items) {
    const outcome = mode === "dry" ? "removed" : await removeArtifact(item, planned);
    say(`${mode === "dry" ? "would remove" : outcome} ${lineOf(item)}`);
    if (outcome !== "removed") continue;
    removed += 1;
    freed += item.bytes;
  }
  say(`${mode === "dry" ? "Would remove" : "Removed"} ${removed} of ${folder}, ${sizeText(freed)}.`);
}

function lineOf({ stage, path, bytes, why }: PruneItem): string {
  return `${stage}/${path.split(/[\\/]/).at(-1)} (${sizeText(bytes)}, ${why})`;
}

/** Short names, "reader/4f9f4637", for keys that lie here. */
function namesOf({ artifacts }: Inventory): (key: string) => string {
  const stages = new Map(artifacts.map(({ key, stage }) => [key, stage]));
  return (key) => `${stages.get(key) ?? "?"}/${key.slice(0, 8)}`;
}

function sickness({ manifest }: StoredArtifact): string {
  const { health } = manifest as Partial<StageFacts>;
  const signs = (health?.findings ?? []).map(({ sign }) => sign);
  return signs.length === 0 ? "" : `; ${signs.join(", ")}`;
}

function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function ageText(milliseconds: number): string {
  const minutes = Math.max(0, milliseconds) / 60_000;
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
}
