import { expect, test } from "vitest";
import { drawCorpusPhantom } from "../../src/data/phantoms/corpus-phantom";
import { findSharedGroups, leaveOutSeen, reportSharedGroups } from "../../src/data/split-check";
import { loadTask } from "../../src/data/tasks/load-task";

test("the phantom has no group in two splits; a copied picture is found and said", async () => {
  const task = await loadTask("breast-mnist");
  expect(findSharedGroups(task)).toEqual([]);
  const [first, ...rest] = task.splits.test;
  const twin = { ...first!, group: task.splits.train[4]!.group };
  const leaky = { ...task, splits: { ...task.splits, test: [twin, ...rest] } };
  const said: string[] = [];
  reportSharedGroups(leaky, { onWarn: (code, message) => said.push(`${code} ${message}`) });
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^split .*1 does: breast-mnist\/train\/00004 = breast-mnist\/test\/00000/);
});

test("a passage that shows an evaluation picture is left out and counted", async () => {
  const task = await loadTask("breast-mnist");
  const corpus = drawCorpusPhantom({ numPassages: 20 });
  const untouched = leaveOutSeen(corpus, task);
  expect(untouched.corpus).toBe(corpus);
  expect(untouched.leftOut).toEqual([]);
  const stolen = { ...corpus.passages[3]!, image: task.splits.test[9]!.image };
  const dirty = { ...corpus, passages: corpus.passages.with(3, stolen) };
  const said: string[] = [];
  const clean = leaveOutSeen(dirty, task, { control: { onWarn: (code) => said.push(code) } });
  expect(clean.leftOut).toEqual([{ passageId: stolen.id, exampleId: "breast-mnist/test/00009" }]);
  expect(clean.corpus.passages).toHaveLength(19);
  expect(clean.corpus.fingerprint).not.toBe(corpus.fingerprint);
  expect(said).toEqual(["leak"]);
});
