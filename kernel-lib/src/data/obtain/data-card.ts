import { KNOWN_TASKS, type KnownTask } from "../tasks/known-tasks";
import type { TaskDefinition } from "../tasks/task-definition";

const MARK_START = "<!-- task cards: written by `npm run data -- card --write`, do not edit -->";
const MARK_END = "<!-- end of task cards -->";

function labelLines({ labels, question }: TaskDefinition): string[] {
  if (question === null) return [`- Labels: ${labels.map(({ name }) => name).join(", ")}, for yes/no questions`];
  return [`- Labels: ${labels.map(({ answer, name }) => `${answer} ${name}`).join("; ")}`, `- Question: "${question}"`];
}

function downloadLines({ downloads }: TaskDefinition): string[] {
  return downloads.map(
    ({ url, file, md5 }) => `- Download: <${url}> → \`data/raw/${file}\`, md5 ${md5 ?? "not stated"}`,
  );
}

/** The data card of one task, in Markdown. */
export function taskCard({ definition, phantom }: KnownTask): string {
  const { card, name, modality, answerFormat, metrics, splitsNote, layout, access } = definition;
  return [
    `### ${card.title} (\`${name}\`)`,
    "",
    card.description,
    "",
    `- Pictures: ${modality}`,
    ...labelLines(definition),
    `- Answer: ${answerFormat}`,
    `- Metrics: ${metrics.join(", ")}`,
    `- Splits: ${splitsNote}`,
    `- Licence: ${card.licence}${access === "credentialed" ? " (credentialed access)" : ""}`,
    `- Citation: ${card.citation}`,
    `- Obtain: ${card.obtain}`,
    `- Read from: ${layout.map((path) => `\`${path}\``).join("; ")}`,
    ...downloadLines(definition),
    `- Stand-in: ${phantom.description}`,
    "",
  ].join("\n");
}

/** The cards of all tasks, between the marks that data/README.md holds them in. */
export function taskCards(): string {
  return [MARK_START, "", ...[...KNOWN_TASKS.values()].map(taskCard), MARK_END].join("\n");
}

/** A README with its task cards replaced; they are put at its end where it has none. */
export function withTaskCards(readme: string): string {
  const [start, end] = [readme.indexOf(MARK_START), readme.indexOf(MARK_END)];
  if (start < 0 || end < start) return `${readme.trimEnd()}\n\n## Task cards\n\n${taskCards()}\n`;
  return readme.slice(0, start) + taskCards() + readme.slice(end + MARK_END.length);
}
