import { assertInteger, assertOneOf } from "../base/check";
import { ConfigError, isKernelError } from "../base/errors";
import type { IntersectionOf, Matrix } from "../base/types";
import { createFlatIndex, flatEngine } from "./flat-index";
import { hnswEngine } from "./hnsw-index";
import type { IndexEngine, VectorIndex } from "./vector-index";

/** Every engine, the exact one first. A new one is a file of its own and a line here. */
export const ENGINES = [flatEngine, hnswEngine] as const satisfies readonly IndexEngine[];
type Listed = (typeof ENGINES)[number];
type EngineKind = Listed["kind"];

/** The engine of this kind. @throws ConfigError on an unknown kind; the message lists the known ones. */
export function findEngine(where: string, kind: string): IndexEngine & { readonly kind: EngineKind } {
  assertOneOf(
    `${where}: kind`,
    kind,
    ENGINES.map((engine) => engine.kind),
  );
  return ENGINES.find((engine) => engine.kind === kind)!;
}

/** Which index serves a corpus, and why, in words for the reader. */
export interface IndexChoice<Kind extends string = string> {
  /** The engine's. */
  readonly kind: Kind;
  readonly why: string;
}

/** What the choice depends on besides the size. */
export interface ChooseIndexOptions {
  /** "auto" (default) goes by size; the kind of an engine, "flat" (exact) or "hnsw", insists. */
  readonly prefer?: "auto" | EngineKind;
  /**
   * How many numbers, vectors times dimension, "auto" searches exactly at most. Default 2^22: some 0.3 ms a query, where
   * building a graph pays after 40,000 queries or more (docs/performance.md).
   */
  readonly exactUpTo?: number;
}

export const EXACT_UP_TO = 2 ** 22;

/**
 * Chooses between comparing every vector, which misses nothing, and a graph, which pays once the corpus is large.
 *
 * @throws ConfigError on another preference, or a size or limit that is no whole number from 0.
 * @example chooseIndex({ rows: 3000, cols: 64 }).kind // "flat"
 */
export function chooseIndex(
  { rows, cols }: Pick<Matrix, "rows" | "cols">,
  options: ChooseIndexOptions = {},
): IndexChoice<EngineKind> {
  const { prefer = "auto", exactUpTo = EXACT_UP_TO } = options;
  assertOneOf("chooseIndex: prefer", prefer, ["auto", ...ENGINES.map(({ kind }) => kind)]);
  assertInteger("chooseIndex: rows", rows, 0);
  assertInteger("chooseIndex: cols", cols, 0);
  assertInteger("chooseIndex: exactUpTo", exactUpTo, 0);
  if (prefer !== "auto") return askedFor(findEngine("chooseIndex", prefer));
  const show = (count: number) => count.toLocaleString("en-US");
  const size = `${show(rows)} x ${show(cols)} numbers are`;
  return rows * cols > exactUpTo
    ? { kind: "hnsw", why: `HNSW: ${size} more than ${show(exactUpTo)}, too many to compare with every query` }
    : {
        kind: "flat",
        why: `exact search: ${size} not more than ${show(exactUpTo)}, few enough to compare with every query`,
      };
}

function askedFor<Kind extends string>({ kind, title }: IndexEngine & { readonly kind: Kind }): IndexChoice<Kind> {
  return { kind, why: `${title}: asked for` };
}

/** The choice left where an engine cannot work. */
export function exactInsteadOf({ missing }: IndexEngine): IndexChoice<"flat"> {
  return { kind: flatEngine.kind, why: `${flatEngine.title}: ${missing}` };
}

type SettingsByKind = { [Engine in Listed as Engine["kind"]]: NonNullable<Parameters<Engine["build"]>[2]> };
/** The settings of all engines beside one another; each takes its own. */
type AllSettings = IntersectionOf<SettingsByKind[EngineKind]>;

/** Which index to build, and the engines' settings. */
export interface OpenIndexOptions extends AllSettings, ChooseIndexOptions {
  /** An engine that is not listed above; it is used whatever the size. `prefer` is left out then. */
  readonly engine?: IndexEngine;
}

/** An index and why it is of its kind. */
export interface OpenedIndex {
  readonly index: VectorIndex;
  readonly choice: IndexChoice;
}

/**
 * Builds the index that suits the corpus' size: exact for small ones, HNSW for large ones. Where the chosen engine cannot
 * work, as HNSW without hnswlib-node, or finds too little, the exact one serves, said through onWarn ("exact-index").
 *
 * @throws what chooseIndex and the engine throw, but not the engine's EnvironmentError. ConfigError with `engine` and `prefer`.
 * @example const { index, choice } = await openIndex(ids, embeddings); print(choice.why)
 */
export async function openIndex(
  ids: readonly string[],
  embeddings: Matrix,
  options: OpenIndexOptions = {},
): Promise<OpenedIndex> {
  if (options.engine !== undefined && options.prefer !== undefined) {
    throw new ConfigError(
      `openIndex: prefer must be left out with an engine; got "${options.prefer}" beside "${options.engine.kind}".`,
      { engine: options.engine.kind, prefer: options.prefer },
    );
  }
  const choice = options.engine === undefined ? chooseIndex(embeddings, options) : askedFor(options.engine);
  const engine = options.engine ?? findEngine("openIndex", choice.kind);
  const { control } = options;
  const own = Object.entries(options).filter(([name]) => engine.settings.includes(name));
  try {
    const index = await engine.build(ids, embeddings, { ...Object.fromEntries(own), control });
    if (index.exactBecause === undefined) return { index, choice };
    const why = `${flatEngine.title}: ${index.exactBecause}`;
    index.dispose();
    return { index: createFlatIndex(ids, embeddings), choice: { kind: flatEngine.kind, why } };
  } catch (error) {
    if (engine.missing === null || !isKernelError(error, "environment")) throw error;
    control?.onWarn?.("exact-index", `openIndex: searching exactly instead. ${error.message}`, error.details);
    return { index: createFlatIndex(ids, embeddings), choice: exactInsteadOf(engine) };
  }
}

/**
 * Loads an index that was saved with `save(folder)`, by the kind that it had.
 *
 * @throws ConfigError on an unknown kind; what the engine throws, EnvironmentError where it cannot work.
 */
export async function loadSavedIndex(kind: string, folder: string): Promise<VectorIndex> {
  return findEngine("loadSavedIndex", kind).load(folder);
}
