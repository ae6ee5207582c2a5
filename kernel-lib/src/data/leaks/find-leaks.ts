import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { assertKnownKeys, assertNotInterrupted } from "../../base/check";
import type { Control, Corpus, Example, Passage, Split, Task } from "../../base/types";
import { createRelativeFinder } from "../entities";
import { createDuplicateFinder, type DuplicateOptions } from "./near-duplicates";

/** A passage that would let a system look up what it is asked. */
export interface Leak {
  readonly passageId: string;
  readonly exampleId: string;
  /** What they share: the very pixels, a copy of the picture, or the patient (article, study) they come from. */
  readonly shares: "picture" | "near picture" | "group";
  /** Correlation of the grey pictures, rounded to three decimals; 1 for equal pixels; absent for a shared group. */
  readonly correlation?: number;
  /** What is shared, by its one name: "patient-100", "article-212319"; absent for a picture. */
  readonly entity?: string;
}

/** Options of findLeaks; every one has a default. */
export interface FindLeaksOptions extends DuplicateOptions {
  /** Splits that must stay unseen. Default validation and test. */
  readonly splits?: readonly Split[];
  readonly control?: Control;
}

const OPTION_NAMES: readonly (keyof FindLeaksOptions)[] = ["splits", "control", "maxHashDistance", "minCorrelation"];
const TURN = 256;

/**
 * Finds the passages that share a picture, a copy of a picture (mirrored, re-encoded, resized, slightly cropped) or
 * what they come from (patient, study, case, article, under their one names) with an example of these splits. Reads one passage at a time.
 *
 * @throws ConfigError for a bad option. InterruptedError on abort.
 */
export async function findLeaks(corpus: Corpus, task: Task, options: FindLeaksOptions = {}): Promise<Leak[]> {
  assertKnownKeys("findLeaks:", options, OPTION_NAMES);
  const { splits = ["validation", "test"], control = {}, ...duplicate } = options;
  const examples = splits.flatMap((split) => task.splits[split]);
  const relatives = createRelativeFinder(examples);
  const finder = createDuplicateFinder(distinctPictures(examples), duplicate);
  const leakOf = (passage: Passage): Leak | null => {
    const found = finder.find(passage.image);
    if (found !== null) {
      const shares = found.kind === "exact" ? "picture" : "near picture";
      const correlation = Math.round(found.correlation * 1000) / 1000;
      return { passageId: passage.id, exampleId: found.id, shares, correlation };
    }
    const relative = relatives.find(passage);
    if (relative === null) return null;
    return { passageId: passage.id, exampleId: relative.id, shares: "group", entity: relative.entity };
  };
  const leaks: Leak[] = [];
  const total = corpus.passages.length;
  for (const [position, passage] of corpus.passages.entries()) {
    const leak = leakOf(passage);
    if (leak !== null) leaks.push(leak);
    if ((position + 1) % TURN !== 0 && position + 1 !== total) continue;
    assertNotInterrupted("findLeaks", control.signal);
    control.onProgress?.({ stage: "leak check", done: position + 1, total, values: { leaks: leaks.length } });
    await nextTurn();
  }
  return leaks;
}

/** Several questions may ask about one picture: it is looked for once. */
function distinctPictures(examples: readonly Example[]): Example[] {
  const seen = new Set<unknown>();
  return examples.filter(({ image }) => !seen.has(image) && seen.add(image));
}

/** A corpus without its leaks, and what was left out. */
export interface CleanCorpus {
  readonly corpus: Corpus;
  readonly leaks: readonly Leak[];
}

/**
 * The corpus without these passages; the same object when there is none. Says how many and which through
 * `control.onWarn("leak", …)`.
 */
export function withoutLeaks(corpus: Corpus, leaks: readonly Leak[], control: Control = {}): Corpus {
  if (leaks.length === 0) return corpus;
  const out = new Set(leaks.map((leak) => leak.passageId));
  const passages = corpus.passages.filter((passage) => !out.has(passage.id));
  const first = leaks.slice(0, 3).map(({ passageId, exampleId, shares }) => `${passageId} (${shares} of ${exampleId})`);
  const message = `withoutLeaks: ${out.size} of ${corpus.passages.length} passages of ${corpus.name} show or belong to evaluation examples; left out: ${first.join(", ")}${leaks.length > 3 ? ", …" : "."}`;
  control.onWarn?.("leak", message, { corpus: corpus.name, leaks });
  const ids = createHash("sha256")
    .update(JSON.stringify([...out].sort()))
    .digest("hex")
    .slice(0, 16);
  return { ...corpus, passages, fingerprint: `${corpus.fingerprint}:without:${out.size}:${ids}` };
}

/**
 * Leaves out the passages that findLeaks finds, and says so through `control.onWarn("leak", …)`.
 *
 * @throws what findLeaks throws.
 * @example const { corpus: clean, leaks } = await leaveOutLeaks(corpus, task)
 */
export async function leaveOutLeaks(corpus: Corpus, task: Task, options: FindLeaksOptions = {}): Promise<CleanCorpus> {
  const leaks = await findLeaks(corpus, task, options);
  return { corpus: withoutLeaks(corpus, leaks, options.control), leaks };
}
