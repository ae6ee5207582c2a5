import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Corpus, Passage } from "../../../src/base/types";
import { joinCorpora } from "../../../src/data/corpora/join-corpora";
import { twinPairs } from "../../../src/phantoms/corpora/twins";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { CORPUS_TWINS } from "../../../src/phantoms/phantoms";
import { refusal } from "../helpers";

const cacheDir = mkdtempSync(join(tmpdir(), "join-"));
afterAll(() => rmSync(cacheDir, { recursive: true }));

/** A corpus whose passages must not be read: they throw when text or picture is asked for. */
function unread(name: string, ids: readonly string[], more: Partial<Corpus> = {}): Corpus {
  const passages = ids.map((id): Passage => {
    return {
      id,
      corpus: name,
      licence: "CC0-1.0",
      get text(): string {
        throw new Error(`text of ${id} was read`);
      },
      get image(): Passage["image"] {
        throw new Error(`picture of ${id} was read`);
      },
    };
  });
  const card = {
    title: name.toUpperCase(),
    source: "phantom" as const,
    description: `${ids.length} pairs.`,
    licence: "CC0-1.0",
    citation: `cite ${name}`,
    obtain: "nothing to obtain",
  };
  return { name, source: "phantom", passages, card, fingerprint: `corpus:${name}:1`, ...more };
}

test("a joined corpus holds the passages of its parts, in order, the same objects, unread", () => {
  const [one, other] = [unread("one", ["a", "b"]), unread("other", ["c"])];
  const joined = joinCorpora([one, other]);
  expect(joined.passages.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  joined.passages.forEach((passage, i) => {
    expect(passage).toBe([...one.passages, ...other.passages][i]);
  });
  expect(joined).toMatchObject({ name: "one+other", source: "phantom" });
  expect(joined.card).toEqual({
    title: "ONE + OTHER",
    source: "phantom",
    description: "one, other together. ONE: 2 pairs. OTHER: 1 pairs.",
    licence: "CC0-1.0",
    citation: "cite one cite other",
    obtain: "nothing to obtain",
  });
});

test("the fingerprint depends on every part and on their order, and on nothing else", () => {
  const [one, other] = [unread("one", ["a"]), unread("other", ["b"])];
  const of = (...corpora: Corpus[]) => joinCorpora(corpora).fingerprint;
  expect(of(one, other)).toBe(of(unread("one", ["a"]), unread("other", ["b"])));
  const all = [of(one, other), of(other, one), of(one), of(one, { ...other, fingerprint: "corpus:other:2" })];
  expect(new Set(all).size).toBe(4);
  expect(all.every((fingerprint) => /^corpus:joined:[0-9a-f]{24}$/.test(fingerprint))).toBe(true);
});

test("no corpus, a doubled id, and real beside phantom are refused", async () => {
  expect((await refusal(() => joinCorpora([]))).message).toMatch(/corpora must hold a corpus; got none/);
  const double = await refusal(() => joinCorpora([unread("one", ["a"]), unread("other", ["b", "a"])]));
  expect(double.code).toBe("data");
  expect(double.message).toBe(
    "joinCorpora: corpora must hold every passage id once; got a in one and in other. Leave one of the two out, or name its passages anew.",
  );
  const mixed = await refusal(() => joinCorpora([unread("one", ["a"]), unread("other", ["b"], { source: "real" })]));
  expect(mixed.code).toBe("config");
  expect(mixed.message).toMatch(/must be all real or all phantoms; got one: phantom, other: real/);
});

test("the three stand-ins of the pool, written and read as published, hold all its pairs together", async () => {
  const pool = await loadCorpus("phantom-pool", { seed: 5, numPassages: 105, cacheDir });
  const options = { seed: 5, numPassages: 105, cacheDir, drawnFrom: "phantom-pool" } as const;
  const twins = await Promise.all([...CORPUS_TWINS.keys()].map((name) => loadCorpus(name, options)));
  for (const [i, twin] of [...CORPUS_TWINS.values()].entries()) {
    const parts = twinPairs(twin, pool.passages);
    expect(twins[i]!.passages.map(({ text }) => text).sort()).toEqual(parts.map(({ text }) => text).sort());
    const level = ({ image: { data } }: Passage) => data.reduce((sum, value) => sum + value, 0) / data.length;
    parts.forEach((part) => {
      const number = Number(part.id.split("/")[2]);
      const found = twins[i]!.passages.filter(({ text }) => text === part.text);
      expect(Math.min(...found.map((passage) => Math.abs(level(passage) - level(part)))), String(number)).toBeLessThan(
        2,
      );
      expect(found[0]!.image.width).toBe(part.image.width);
    });
    expect(twins[i]!.source).toBe("phantom");
  }
  const stages: string[] = [];
  const control = { onProgress: ({ stage }: { stage: string }) => stages.push(stage) };
  const again = await loadCorpus("roco", { ...options, control });
  expect(again.fingerprint).toBe(twins.find(({ name }) => name === "roco")!.fingerprint);
  expect(stages).toEqual([]); // neither drawn, written nor read anew
  const joined = joinCorpora(twins);
  expect(joined.passages).toHaveLength(105);
  expect(new Set(joined.passages.map(({ licence }) => licence))).toEqual(new Set(["CC0-1.0"]));
  expect(joined.card.title).toBe("PMC-OA phantom + MIMIC-CXR phantom + ROCO phantom");
});
