import { ConfigError } from "../base/errors";
import type { Label } from "../base/types";

/** What stands for each label of a task: its answer and its name. */
export interface LabelWordings {
  /** Label by normalised wording; longer wordings first, so that they win over their parts. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Any wording, as one of several in an alternation, longest first. */
  readonly pattern: string;
}

const escapeForRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Unicode NFKC, lower case, runs of white space as one blank. */
export function normaliseText(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** @throws ConfigError when there are no labels, or two of them share an answer or name. */
export function labelWordings(where: string, labels: readonly Label[]): LabelWordings {
  const found: [string, number][] = [];
  for (const { index, answer, name } of labels) {
    for (const wording of new Set([normaliseText(answer), normaliseText(name)])) found.push([wording, index]);
  }
  const indexOf = new Map(found.sort(([a], [b]) => b.length - a.length));
  if (labels.length === 0 || indexOf.size !== found.length || indexOf.has("")) {
    throw new ConfigError(
      `${where}: labels must have answers and names that are distinct and not empty; ` +
        `got ${JSON.stringify(labels.map(({ answer, name }) => [answer, name]))}. Check the task's labels.`,
      { labels },
    );
  }
  return { indexOf, pattern: [...indexOf.keys()].map(escapeForRegExp).join("|") };
}
