import { join } from "node:path";
import { ConfigError } from "../base/errors";
import type { Control, Example, Head, Label, Retrieved } from "../base/types";
import type { Reader, ReadPair } from "../reader/reader";
import { openServedReader, type ServedReaderOptions } from "../reader/served-reader";
import { createReadingSystem } from "./reading";
import { NO_PASSAGES, NUM_DRAWN_FROM, openFinder, type PassageFinder } from "./retrieval";
import type { SystemDefinition, SystemParts } from "./system";

/*
 * Systems with a model behind an endpoint (InternVL, a frontier model, whatever speaks OpenAI's interface): as the reader, or as the
 * one who puts the candidates of our own reader in order. The address, the key and the patience are no part of what is answered.
 */

/** Number of this code, part of the key of its answers. */
const VERSION = 1;

/** A served model as a system of its own name. */
export interface ServedSystemOptions extends ServedReaderOptions {
  /** On the command line and in stage ids: lower-case words joined by "-". */
  readonly name: string;
  /** In figures and reports. Default the server's name of the model. */
  readonly label?: string;
}

function settingsOf({ model, revision, scoring, pictures, instruction, maxNewTokens }: ServedReaderOptions) {
  const chosen = Object.entries({ revision, scoring, pictures, instruction, maxNewTokens });
  return { version: VERSION, model, ...Object.fromEntries(chosen.filter(([, value]) => value !== undefined)) };
}

/** Opens the model; what it answers is kept where it survives an interruption, unless a file is named. */
function openModel(options: ServedSystemOptions, { resumeDir }: SystemParts): Promise<Reader> {
  const { name: _name, label: _label, ...own } = options;
  const kept = resumeDir === undefined ? {} : { answersFile: join(resumeDir, "answers.jsonl") };
  return openServedReader({ ...kept, ...own });
}

/**
 * A system whose reader is a served model, as it comes: closed-book, or over the frozen retriever's passages as FT RAG. It applies
 * to every task; where the server has no log-probabilities, a task with single labels is refused when it is opened.
 *
 * What stays unanswered stops its stage with the list of questions; what was answered is kept, so that the next run asks only for
 * the rest.
 *
 * @example predict(run, { task, system: servedSystem({ name: "internvl", model: "OpenGVLab/InternVL3-8B", passages: "none",
 *   endpoint: "http://127.0.0.1:8000/v1", access: "open" }) })
 */
export function servedSystem(
  options: ServedSystemOptions & { readonly passages: "none" | "frozen" },
): SystemDefinition {
  const { passages, ...served } = options;
  return {
    ...{ name: options.name, label: options.label ?? options.model, kind: "served" },
    needs: { reader: null, retriever: passages === "none" ? null : [] },
    settings: settingsOf(served),
    open: async (parts) => {
      const reader = await openModel(served, parts);
      const finder = parts.index === null ? NO_PASSAGES : openFinder(parts);
      const { name, task } = parts;
      return createReadingSystem({ name, labels: task.labels, reader, finder, fusion: "probabilities" });
    },
  };
}

/** What the one who orders candidates is asked of each. */
const RELEVANCE =
  "The first picture and the background are of another case. Does that case have the same finding as the second picture? Answer yes or no.";
const VERDICTS: readonly Label[] = ["yes", "no"].map((answer, index) => ({ index, name: answer, answer }));

/** The log-odds of "yes", of each pair: how much the judge thinks that the passage is of the same finding. */
async function relevanceOf(judge: Reader, pairs: readonly ReadPair[], control: Control): Promise<number[]> {
  const asked = pairs.map(({ example: { wordings: _wordings, ...example }, passage }) => ({
    example: { ...example, question: RELEVANCE },
    passage,
  }));
  const scores = await judge.scoreLabels(asked, VERDICTS, control);
  return scores.map(({ logits }) => logits[0]! - logits[1]!);
}

/**
 * Of each head's candidates those that a judge thinks most of, best first; of equals the nearer one. A passage that both heads found is
 * judged once. Scores stay the retriever's, so that the readings count as they would have.
 *
 * @param candidates more passages than are to be read.
 */
export function rerankedFinder(
  candidates: PassageFinder,
  judge: (pairs: readonly ReadPair[], control: Control) => Promise<readonly number[]>,
  numPerHead: number,
): PassageFinder {
  const orderOf = (list: readonly Retrieved[], value: ReadonlyMap<string, number>): Retrieved[] =>
    [...new Set<Head>(list.map(({ head }) => head))].flatMap((head) =>
      list
        .filter((found) => found.head === head)
        .sort((a, b) => value.get(b.passageId)! - value.get(a.passageId)! || a.rank - b.rank)
        .slice(0, numPerHead)
        .map((found, rank) => ({ ...found, rank })),
    );
  const find = async (examples: readonly Example[], control: Control): Promise<readonly (readonly Retrieved[])[]> => {
    const lists = await candidates.find(examples, control);
    const ids = lists.map((list) => [...new Set(list.map(({ passageId }) => passageId))]);
    const pairs = examples.flatMap((example, i) =>
      ids[i]!.map((id) => ({ example, passage: candidates.passages.get(id)! })),
    );
    const values = (await judge(pairs, control))[Symbol.iterator]();
    return lists.map((list, i) => orderOf(list, new Map(ids[i]!.map((id) => [id, values.next().value as number]))));
  };
  return { ...candidates, find };
}

/**
 * Our own reader over the frozen retriever's passages, put in order by a served model: of the ten best of each head it reads those
 * that the model thinks show the query's finding.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis: rerankers with frontier models do not reach the oracle.
 */
export function servedReranker(options: ServedSystemOptions): SystemDefinition {
  return {
    ...{ name: options.name, label: options.label ?? `reranked by ${options.model}`, kind: "served" },
    needs: { reader: "retrieval", retriever: [] },
    settings: { ...settingsOf(options), role: "reranker", drawnFrom: NUM_DRAWN_FROM },
    open: async (parts) => createReadingSystem(await rerankingParts(parts, options)),
  };
}

async function rerankingParts(parts: SystemParts, options: ServedSystemOptions) {
  const { name, task, reader, numPerHead } = parts;
  const judge = await openModel(options, parts);
  const candidates = openFinder({ ...parts, numPerHead: Math.max(numPerHead, NUM_DRAWN_FROM) });
  const ask = (pairs: readonly ReadPair[], control: Control) => relevanceOf(judge, pairs, control);
  const finder = rerankedFinder(candidates, ask, numPerHead);
  return { name, labels: task.labels, reader: reader!, finder, fusion: "probabilities" } as const;
}

/** The model that the environment names; null where it names none. */
function optionsFromEnvironment(): ServedReaderOptions | null {
  const said = (name: string): string | undefined => process.env[name] || undefined;
  const [endpoint, model, revision] = ["", "_MODEL", "_REVISION"].map((end) => said(`JOMED_ENDPOINT${end}`));
  if (endpoint === undefined || model === undefined) return null;
  const allowListFile = said("JOMED_ENDPOINT_HOSTS");
  return {
    ...{ endpoint, model, access: "credentialed" },
    ...(revision === undefined ? {} : { revision }),
    ...(allowListFile === undefined ? {} : { allowListFile }),
    ...(said(KEY_VARIABLE) === undefined ? {} : { keyVariable: KEY_VARIABLE }),
  };
}

const KEY_VARIABLE = "JOMED_ENDPOINT_KEY";

/** A row whose model is looked up when its key or its answers are asked for. */
function fromEnvironment(
  row: Pick<SystemDefinition, "name" | "label" | "needs">,
  define: (options: ServedSystemOptions) => SystemDefinition,
): SystemDefinition {
  const named = (options: ServedReaderOptions) => define({ ...options, name: row.name });
  return {
    ...row,
    kind: "served",
    get settings() {
      const options = optionsFromEnvironment();
      return options === null ? { version: VERSION, model: null } : named(options).settings!;
    },
    open: async (parts) => {
      const options = optionsFromEnvironment();
      if (options !== null) return named(options).open!(parts);
      throw new ConfigError(
        `openSystem: ${row.name} must have a server: JOMED_ENDPOINT its base address, JOMED_ENDPOINT_MODEL the name of the model there. Set both, and JOMED_ENDPOINT_KEY where it wants a key.`,
        { system: row.name },
      );
    },
  };
}

/**
 * The systems with a model that the environment names (JOMED_ENDPOINT, JOMED_ENDPOINT_MODEL, …), for the grid: run where they are
 * asked for by name.
 */
export const SERVED_SYSTEMS: readonly SystemDefinition[] = [
  fromEnvironment(
    { name: "served-closed-book", label: "served model, closed-book", needs: { reader: null, retriever: null } },
    (options) => servedSystem({ ...options, passages: "none" }),
  ),
  fromEnvironment(
    { name: "served-rag", label: "served model over the frozen retriever", needs: { reader: null, retriever: [] } },
    (options) => servedSystem({ ...options, passages: "frozen" }),
  ),
  fromEnvironment(
    { name: "served-reranker", label: "reranked by a served model", needs: { reader: "retrieval", retriever: [] } },
    servedReranker,
  ),
];
