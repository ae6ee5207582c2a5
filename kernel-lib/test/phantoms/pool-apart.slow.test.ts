import { expect, test } from "vitest";
import { hashImage } from "../../src/data/formats/picture-file";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask, TASK_NAMES } from "../../src/phantoms/load-task";

test.each(TASK_NAMES)("the pool shares no picture with %s of the same seed", async (name) => {
  const pool = await loadCorpus("phantom-pool", { seed: 7 });
  const { splits } = await loadTask(name, { source: "phantom", seed: 7 });
  const shown = [...splits.train, ...splits.validation, ...splits.test];
  const hashes = new Set(shown.map(({ image }) => hashImage(image)));
  expect(hashes.size).toBeGreaterThan(50);
  expect(pool.passages.filter(({ image }) => hashes.has(hashImage(image))).map(({ id }) => id)).toEqual([]);
});
