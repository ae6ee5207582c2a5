import type { Corpus, Task } from "../base/types";
import { findLeaks, type Leak } from "../data/leaks/find-leaks";
import { readJson, writeJson } from "./artifact-io";
import type { Run } from "./run";
import { runStage } from "./stage";

const FILE = "leaks.json";
const VERSION = 1;

/**
 * The passages that share a picture or a patient with a validation or test example. Every passage is compared once; the answer is
 * a stage artifact of its own, so that a large corpus is not read again.
 */
export async function checkLeaks(run: Run, corpus: Corpus, task: Task): Promise<readonly Leak[]> {
  const artifact = await runStage(run, {
    name: "leaks",
    version: VERSION,
    config: {},
    inputs: [task.fingerprint, corpus.fingerprint],
    compute: async (workDir, { control }) => writeJson(workDir, FILE, await findLeaks(corpus, task, { control })),
  });
  return readJson<Leak[]>(artifact.folder, FILE);
}
