import { createHash } from "node:crypto";
import { ConfigError, DataError } from "../../base/errors";
import type { Corpus, DataCard } from "../../base/types";

function assertUniqueIds(corpora: readonly Corpus[]): void {
  const owners = new Map<string, string>();
  for (const { name, passages } of corpora) {
    for (const { id } of passages) {
      const owner = owners.get(id);
      if (owner !== undefined) {
        const rule = "hold every passage id once";
        const next = "Leave one of the two out, or name its passages anew.";
        throw new DataError(`joinCorpora: corpora must ${rule}; got ${id} in ${owner} and in ${name}. ${next}`, {
          id,
          corpora: [owner, name],
        });
      }
      owners.set(id, name);
    }
  }
}

function assertOneSource(corpora: readonly Corpus[]): void {
  if (corpora.every(({ source }) => source === corpora[0]!.source)) return;
  const got = corpora.map(({ name, source }) => `${name}: ${source}`).join(", ");
  throw new ConfigError(
    `joinCorpora: corpora must be all real or all phantoms; got ${got}. A table says of which kind its data is.`,
    { sources: corpora.map(({ source }) => source) },
  );
}

/** One card for all: every different statement of the parts once. */
function joinCards(cards: readonly DataCard[], names: string): DataCard {
  const different = (of: (card: DataCard) => string, separator: string) => [...new Set(cards.map(of))].join(separator);
  return {
    title: different(({ title }) => title, " + "),
    source: cards[0]!.source,
    description: `${names} together. ${different(({ title, description }) => `${title}: ${description}`, " ")}`,
    licence: different(({ licence }) => licence, "; "),
    citation: different(({ citation }) => citation, " "),
    obtain: different(({ obtain }) => obtain, " "),
  };
}

/**
 * One corpus of several, in their order: the paper retrieves over PMC-OA, MIMIC-CXR and ROCO together (arXiv 2508.17394v3).
 *
 * The passages are those of the parts: what is read from disk on demand stays so. Name and fingerprint are made of the parts'.
 * @throws ConfigError for no corpus, or real ones beside phantoms. DataError naming an id that stands twice.
 * @example const corpus = joinCorpora(await Promise.all(["pmc-oa", "mimic-cxr", "roco"].map((name) => loadCorpus(name, { dataDir }))))
 */
export function joinCorpora(corpora: readonly Corpus[]): Corpus {
  if (corpora.length === 0) {
    throw new ConfigError(
      "joinCorpora: corpora must hold a corpus; got none. Pass the corpora that loadCorpus returned.",
    );
  }
  assertOneSource(corpora);
  assertUniqueIds(corpora);
  const name = corpora.map((corpus) => corpus.name).join("+");
  const hash = createHash("sha256").update(JSON.stringify(corpora.map(({ fingerprint }) => fingerprint)));
  return {
    name,
    source: corpora[0]!.source,
    passages: corpora.flatMap(({ passages }) => passages),
    card: joinCards(
      corpora.map(({ card }) => card),
      corpora.map((corpus) => corpus.name).join(", "),
    ),
    fingerprint: `corpus:joined:${hash.digest("hex").slice(0, 24)}`,
  };
}
