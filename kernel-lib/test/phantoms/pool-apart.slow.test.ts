import { beforeAll, expect, inject, test } from "vitest";
import type { Passage } from "../../src/base/types";
import { hashImage } from "../../src/data/formats/picture-file";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask } from "../../src/phantoms/load-task";
import { SMALL_TASKS } from "../helpers/small-casebook";

const cacheDir = inject("drawnFolder");

let pool: { readonly id: Passage["id"]; readonly hash: string }[];
beforeAll(async () => {
  const { passages } = await loadCorpus("phantom-pool", { seed: 7, cacheDir });
  pool = passages.map(({ id, image }) => ({ id, hash: hashImage(image) }));
});

test.each(SMALL_TASKS)("the pool shares no picture with %s of the same seed", async (name) => {
  const { splits } = await loadTask(name, { source: "phantom", seed: 7, cacheDir });
  const shown = [...splits.train, ...splits.validation, ...splits.test];
  const hashes = new Set(shown.map(({ image }) => hashImage(image)));
  expect(hashes.size).toBeGreaterThan(50);
  expect(pool.filter(({ hash }) => hashes.has(hash)).map(({ id }) => id)).toEqual([]);
});
