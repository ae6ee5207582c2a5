import { CORPORA } from "../data/corpora/corpora";
import type { CorpusDefinition } from "../data/corpora/definition";
import type { PublishedTask } from "../data/tasks/definition";
import { TASKS } from "../data/tasks/tasks";
import { type Publication, pageOf } from "../hub/publishers";
import { CORPUS_TWINS, TASK_PHANTOMS } from "../phantoms/phantoms";

/** A part of data/README.md that is written by this program. */
interface Part {
  readonly heading: string;
  readonly start: string;
  readonly end: string;
  readonly text: () => string;
}

const marksOf = (what: string) => ({
  start: `<!-- ${what} cards: written by \`npm run data -- card --write\`, do not edit -->`,
  end: `<!-- end of ${what} cards -->`,
});

const PARTS: readonly Part[] = [
  { heading: "Task cards", ...marksOf("task"), text: () => [...TASKS.values()].map(taskCard).join("\n") },
  { heading: "Corpus cards", ...marksOf("corpus"), text: () => [...CORPORA.values()].map(corpusCard).join("\n") },
];

function labelLines({ labels, question }: PublishedTask): string[] {
  if (question === null) return [`- Labels: ${labels.map(({ name }) => name).join(", ")}, for yes/no questions`];
  return [`- Labels: ${labels.map(({ answer, name }) => `${answer} ${name}`).join("; ")}`, `- Question: "${question}"`];
}

function downloadLines({ downloads }: PublishedTask): string[] {
  return downloads.map(
    ({ url, file, md5 }) => `- Download: <${url}> → \`data/raw/${file}\`, md5 ${md5 ?? "not stated"}`,
  );
}

const DIGESTS: Readonly<Record<Publication["from"], string>> = {
  "hugging-face": "sha256 of large files and git's digest of small ones",
  zenodo: "md5",
  osf: "sha256",
};

function publicationLines(name: string, publications: readonly Publication[]): string[] {
  return publications.map((publication, k) => {
    const { from, folder } = publication;
    const command = `npm run data -- fetch ${name}${k === 0 ? "" : ` --from ${from}`}`;
    return `- Fetch: \`${command}\`: <${pageOf(publication)}> → \`data/raw/${folder}/\`, checked by what the publisher lists (size, ${DIGESTS[from]})`;
  });
}

const licenceLine = (licence: string, access: "open" | "credentialed"): string =>
  `- Licence: ${licence}${access === "credentialed" ? " (credentialed access)" : ""}`;

const layoutLine = (layout: readonly string[]): string =>
  `- Read from: ${layout.map((path) => `\`${path}\``).join("; ")}`;

type Described = Pick<CorpusDefinition, "card" | "name" | "modality" | "layout" | "access">;

const headLines = ({ card, name, modality }: Described): string[] => [
  `### ${card.title} (\`${name}\`)`,
  "",
  card.description,
  "",
  `- Pictures: ${modality}`,
];

const sourceLines = ({ card, layout, access }: Described): string[] => [
  licenceLine(card.licence, access),
  `- Citation: ${card.citation}`,
  `- Obtain: ${card.obtain}`,
  layoutLine(layout),
];

/** The data card of one task, in Markdown. */
export function taskCard(task: PublishedTask): string {
  const { name, answerFormat, metrics, splitsNote, publications } = task;
  return [
    ...headLines(task),
    ...labelLines(task),
    `- Answer: ${answerFormat}`,
    `- Metrics: ${metrics.join(", ")}`,
    `- Splits: ${splitsNote}`,
    ...sourceLines(task),
    ...downloadLines(task),
    ...publicationLines(name, publications),
    `- Stand-in: ${TASK_PHANTOMS.get(name)?.description ?? "none"}`,
    "",
  ].join("\n");
}

/** The data card of one corpus, in Markdown. */
export function corpusCard(corpus: CorpusDefinition): string {
  return [
    ...headLines(corpus),
    ...sourceLines(corpus),
    ...publicationLines(corpus.name, corpus.publications),
    `- Stand-in: ${CORPUS_TWINS.get(corpus.name)?.description ?? "none"}`,
    "",
  ].join("\n");
}

/** A README with its task and corpus cards replaced; they are put at its end where it has none. */
export function withCards(readme: string): string {
  return PARTS.reduce((text, { heading, start, end, text: write }) => {
    const cards = `${start}\n\n${write()}\n${end}`;
    const [from, to] = [text.indexOf(start), text.indexOf(end)];
    if (from < 0 || to < from) return `${text.trimEnd()}\n\n## ${heading}\n\n${cards}\n`;
    return text.slice(0, from) + cards + text.slice(to + end.length);
  }, readme);
}
