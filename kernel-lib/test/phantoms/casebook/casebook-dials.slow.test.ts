import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { measureExpectations } from "../../../src/analysis/expectations";
import { findMeasurement } from "../../../src/analysis/measurement";
import { repositoryRoot } from "../../../src/base/paths";
import { openBackend } from "../../../src/compute/backend";
import { loadDualEncoder } from "../../../src/models/architectures";
import { encodeImages, encodeTexts } from "../../../src/models/dual-encoder/encoder";
import { type CasebookOptions, signsOf } from "../../../src/phantoms/casebook/dials";
import { loadCasebook } from "../../../src/phantoms/load-casebook";

const cacheDir = mkdtempSync(join(tmpdir(), "casebook-dials-"));
afterAll(() => rmSync(cacheDir, { recursive: true }));

/** What the checker says of a setting, at a small size. */
async function check(turned: CasebookOptions) {
  await openBackend();
  const sizes = { train: 300, validation: 150, test: 10, pairs: 500, ...turned.sizes };
  const { task, corpus, facts } = await loadCasebook({ ...turned, cacheDir, sizes, seed: 11 });
  const encoder = loadDualEncoder(join(repositoryRoot(), "data", "checkpoints", "clip"));
  const picturesOf = (list: readonly { readonly image: (typeof corpus.passages)[number]["image"] }[]) =>
    encodeImages(
      encoder,
      list.map(({ image }) => image),
    );
  const frozen = {
    task,
    corpus,
    queries: { train: await picturesOf(task.splits.train), validation: await picturesOf(task.splits.validation) },
    embeddings: {
      image: await picturesOf(corpus.passages),
      text: await encodeTexts(
        encoder,
        corpus.passages.map(({ text }) => text),
      ),
    },
  };
  encoder.dispose();
  const rows = await measureExpectations(frozen, { facts, bootstrap: { numDraws: 10 } });
  return (system: string, subset: string): number => findMeasurement(rows, { system, subset }).value;
}

const SIGNS = signsOf(12);

test("visibility is what a linear probe sees of the signs", async () => {
  const [clear, none] = [await check({}), await check({ visibility: 0 })];
  for (const sign of SIGNS) {
    expect(clear("linear probe", `sign ${sign}`)).toBeGreaterThan(0.85);
    expect(none("linear probe", `sign ${sign}`)).toBeLessThan(clear("chance", `sign ${sign}`) + 0.15);
  }
  expect(none("linear probe", "nuisance side")).toBeGreaterThan(0.9); // nuisances stay as they are
});

test("pull is what nuisances decide of the frozen neighbours: without it they share the pattern more often", async () => {
  const [strong, weak] = [await check({}), await check({ pull: 0 })];
  const pattern = "image head, sign pattern";
  expect(weak("frozen", pattern)).toBeGreaterThan(strong("frozen", pattern) + 0.05);
  const side = "image head, nuisance side";
  expect(strong("frozen", side)).toBeGreaterThan(0.9);
  expect(weak("frozen", side)).toBeLessThan(0.65);
});

test("knowledge is what a picture does not tell: with none to look up the encoder shows the diagnosis", async () => {
  const [all, none] = [await check({ knowledge: 1 }), await check({ knowledge: 0 })];
  expect(all("linear probe", "label")).toBeLessThan(0.7);
  expect(none("linear probe", "label")).toBeGreaterThan(0.85);
});

test("captions that do not name the diagnosis leave nothing to vote on", async () => {
  const [said, silent] = [await check({}), await check({ captionShares: { diagnosis: 0 } })];
  expect(said("caption vote", "all")).toBeGreaterThan(0.65);
  expect(silent("caption vote", "all")).toBe(0);
});
