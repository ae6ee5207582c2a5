import { expect, test } from "vitest";
import { findSharedGroups, reportSharedGroups } from "../../src/data/splits";
import { loadTask } from "../../src/phantoms/load-task";

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
