import type { Control, Example, Task } from "../base/types";

/** Groups, and examples of one, that the warning names; its details hold all. */
const NUM_NAMED = 3;

/** A group (patient or equal pictures) that stands in more than one split. */
export interface SharedGroup {
  readonly group: string;
  readonly exampleIds: readonly string[];
}

/** Groups that stand in two splits of a task: empty in a clean data set. */
export function findSharedGroups(task: Task): SharedGroup[] {
  const members = new Map<string, Example[]>();
  for (const example of Object.values(task.splits).flat()) {
    const list = members.get(example.group);
    if (list === undefined) members.set(example.group, [example]);
    else list.push(example);
  }
  return [...members]
    .filter(([, examples]) => new Set(examples.map((example) => example.split)).size > 1)
    .map(([group, examples]) => ({ group, exampleIds: examples.map((example) => example.id) }));
}

/**
 * Says through `control.onWarn("split", …)` which groups stand in two splits. Published splits are kept as published, so that
 * numbers stay comparable; the reader of a table must know.
 */
export function reportSharedGroups(task: Task, control: Control): void {
  const shared = findSharedGroups(task);
  if (shared.length === 0) return;
  const first = shared.slice(0, NUM_NAMED).map(({ exampleIds }) => exampleIds.slice(0, NUM_NAMED).join(" = "));
  const more = shared.length > first.length ? "; …" : "";
  const does = shared.length === 1 ? "1 does" : `${shared.length} do`;
  control.onWarn?.(
    "split",
    `loadTask: no picture of ${task.name} should stand in two splits; ${does}: ${first.join("; ")}${more}. Kept as published.`,
    { task: task.name, shared },
  );
}
