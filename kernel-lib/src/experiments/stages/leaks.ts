import type { Corpus, Task } from "../../base/types";
import { findLeaks, type Leak } from "../../data/leaks/find-leaks";
import type { Run } from "../run";
import { runStage } from "./stage";
import { readJson, writeJson } from "./stage-files";

const FILE = "leaks.json";
const VERSION = 1;

/**
 * Phantoms are drawn from streams of their own: a corpus of them holds no copy of an example but an equal one, and the pictures of a
 * look (chest films, fundus photographs) correlate by more than copies of real pictures must. They would be left out as copies.
 */
const NO_LOOK_ALIKES = { minCorrelation: 1 } as const;

/**
 * The passages that share a picture or a patient with a validation or test example. Every passage is compared once; the answer is
 * a stage artifact of its own, so that a large corpus is not read again. Between phantoms only equal pictures and groups count.
 */
export async function checkLeaks(run: Run, corpus: Corpus, task: Task): Promise<readonly Leak[]> {
  const settings = corpus.source === "phantom" && task.source === "phantom" ? NO_LOOK_ALIKES : {};
  const artifact = await runStage(run, {
    name: "leaks",
    version: VERSION,
    config: settings,
    inputs: [task.fingerprint, corpus.fingerprint],
    compute: async (workDir, { control }) =>
      writeJson(workDir, FILE, await findLeaks(corpus, task, { ...settings, control })),
  });
  return readJson<Leak[]>(artifact.folder, FILE);
}
