import { escapeHtml, visibleText } from "../base/plain-text";
import type { Corpus, Example, Passage, Prediction, RasterImage, Split, Task } from "../base/types";
import type { Run } from "../experiments/run";
import type { Index } from "../experiments/stages/corpus-index";
import type { TunedReader } from "../experiments/stages/reader";
import type { TunedHead, TunedHeads } from "../experiments/stages/retriever";
import type { Artifact, Stage } from "../experiments/stages/stage";
import type { Presented, Presenter } from "../kernel/host";
import type { DualHeadRetriever } from "../retriever/dual-head";
import type { VectorIndex } from "../search/vector-index";
import type { SystemDefinition } from "../systems/system";
import { tableBundle } from "./tables";

/**
 * The library's nouns as the result of a cell: a name and the few facts one wants of it. A noun is known by its fields; a new one
 * is a line of the table below. Only types are imported: the process of the cells starts with this file.
 */

type Fact = readonly [name: string, value: string | number];

interface Card {
  readonly title: string;
  readonly facts: readonly Fact[];
  readonly picture?: RasterImage;
}

interface Noun {
  /** Fields that only values of this kind have. */
  readonly fields: readonly string[];
  readonly card: (value: never) => Card;
}

/** Ties the fields to the type they tell. */
function noun<T>(fields: readonly (keyof T & string)[], card: (value: T) => Card): Noun {
  return { fields, card };
}

const counts = (splits: Readonly<Record<Split, readonly unknown[]>>): string =>
  Object.entries(splits)
    .map(([name, examples]) => `${examples.length} ${name}`)
    .join(", ");

const healthOf = (health: TunedReader["health"]): string => {
  if (health === null) return "not measured";
  return health.findings.length === 0 ? "nothing found wrong" : health.findings.map(({ sign }) => sign).join(", ");
};

const artifactOf = ({ stage, key, origin }: Artifact): Fact => ["artifact", `${stage}/${key}, ${origin}`];

const taskFacts = ({ name, modality, labels, splits, source, card }: Task): Fact[] => [
  ["name", `${name} (${card.title})`],
  ["pictures", modality],
  ["labels", labels.length === 0 ? "none: answers in words" : labels.map((label) => label.name).join(", ")],
  ["examples", counts(splits)],
  ["data", source],
  ["licence", card.licence],
];

const corpusFacts = ({ name, passages, source, card }: Corpus): Fact[] => [
  ["name", `${name} (${card.title})`],
  ["passages", passages.length],
  ["data", source],
  ["licence", card.licence],
];

/** Those with more fields stand above those whose fields they have as well. */
const NOUNS: readonly Noun[] = [
  noun<Run>(["profile", "seed", "source", "artifactsDir", "backend"], (run) => ({
    title: "Run",
    facts: [
      ["profile", run.profile],
      ["seed", run.seed],
      ["data", run.source],
      ["engine", `${run.backend.backend}: ${run.backend.reason}`],
      ["artifacts", run.artifactsDir],
    ],
  })),
  noun<Index>(["task", "corpus", "embeddings", "choice", "exact"], (index) => ({
    title: "Index",
    facts: [
      ["corpus", `${index.corpus.name}, ${index.corpus.passages.length} passages, ${index.leaks.length} left out`],
      ["task", index.task.name],
      ["dimensions", index.embeddings.image.cols],
      ["search", `${index.choice.kind}: ${index.choice.why}`],
      artifactOf(index.artifact),
    ],
  })),
  noun<{ task: Task; corpus: Corpus; facts: unknown }>(["task", "corpus", "facts"], ({ task, corpus }) => ({
    title: "Task and corpus",
    facts: [
      ...taskFacts(task).map(([name, value]): Fact => [`task: ${name}`, value]),
      ...corpusFacts(corpus).map(([name, value]): Fact => [`corpus: ${name}`, value]),
    ],
  })),
  noun<Task>(["labels", "splits", "modality", "card"], (task) => ({ title: "Task", facts: taskFacts(task) })),
  noun<Corpus>(["passages", "card", "fingerprint"], (corpus) => ({ title: "Corpus", facts: corpusFacts(corpus) })),
  noun<TunedReader>(["mode", "reader", "adapterFolder", "bestStep"], (tuned) => ({
    title: "Reader",
    facts: [
      ["tuned", tuned.mode === "closedBook" ? "closed-book" : "with retrieved passages"],
      ["best step", tuned.bestStep],
      ["health", healthOf(tuned.health)],
      artifactOf(tuned.artifact),
    ],
  })),
  noun<TunedHead>(["head", "towerFile", "reads"], (tuned) => ({
    title: `Learned ${tuned.head} head`,
    facts: [
      ["best step", tuned.bestStep],
      ["pairs read", `${tuned.reads.read} of ${tuned.reads.asked} asked for`],
      ["health", healthOf(tuned.health)],
      artifactOf(tuned.artifact),
    ],
  })),
  noun<TunedHeads>(["heads", "learnedWeight", "loss"], ({ heads, learnedWeight, loss }) => ({
    title: "Retriever's heads",
    facts: [
      ["learned", Object.keys(heads).join(", ") || "none"],
      ["share of the learned tower", learnedWeight],
      ["loss", loss],
      ...Object.values(heads).map((head): Fact => [`${head.head} head`, healthOf(head.health)]),
    ],
  })),
  noun<DualHeadRetriever>(["learnedWeight", "learnedHeads", "queryEmbeddings"], (retriever) => ({
    title: "Retriever",
    facts: [
      ["learned heads", retriever.learnedHeads.join(", ") || "none"],
      ["share of the learned tower", retriever.learnedWeight],
    ],
  })),
  noun<VectorIndex>(["kind", "size", "dimension", "ids", "search"], ({ kind, size, dimension, exactBecause }) => ({
    title: "Vector index",
    facts: [
      ["engine", kind],
      ["vectors", `${size} x ${dimension}`],
      ...(exactBecause === undefined ? [] : [["exact", exactBecause] as const]),
    ],
  })),
  noun<Stage>(["name", "version", "config", "inputs", "compute"], (stage) => ({
    title: "Stage",
    facts: [
      ["name", `${stage.name}, version ${stage.version}`],
      ["settings", JSON.stringify(stage.config)],
      ["inputs", stage.inputs.map((input) => (typeof input === "string" ? input : input.key)).join(", ")],
    ],
  })),
  noun<Artifact>(["stage", "key", "folder", "manifest", "origin"], (artifact) => ({
    title: "Artifact",
    facts: [
      ["stage", artifact.stage],
      ["key", artifact.key],
      ["origin", artifact.origin],
      ["folder", artifact.folder],
    ],
  })),
  noun<SystemDefinition>(["name", "label", "kind", "needs"], ({ name, label, kind, needs }) => ({
    title: "System",
    facts: [
      ["name", `${name} (${label})`],
      ["kind", kind],
      ["reader", needs.reader ?? "none"],
      ["learned heads", needs.retriever === null ? "no retrieval" : needs.retriever.join(", ") || "none, both frozen"],
    ],
  })),
  noun<Example>(["id", "image", "question", "answer", "split"], (example) => ({
    title: "Example",
    picture: example.image,
    facts: [
      ["id", example.id],
      ["split", example.split],
      ["question", example.question],
      ["answer", example.answer],
    ],
  })),
  noun<Passage>(["id", "corpus", "image", "text"], (passage) => ({
    title: "Passage",
    picture: passage.image,
    facts: [
      ["id", passage.id],
      ["corpus", passage.corpus],
      ["text", passage.text],
      ["licence", passage.licence],
    ],
  })),
];

async function shownCard({ title, facts, picture }: Card): Promise<Presented> {
  const rows = facts.map(
    ([name, value]) =>
      `<tr><th scope="row" style="text-align:left">${escapeHtml(name)}</th><td style="text-align:left">${escapeHtml(String(value))}</td></tr>`,
  );
  const seen = picture === undefined ? null : (await import("./show.js")).imagesBundle([picture]);
  const html = [`<p><b>${escapeHtml(title)}</b></p>`, seen?.["text/html"], `<table>\n${rows.join("\n")}\n</table>`];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `  ${name.padEnd(width)}  ${visibleText(String(value))}`);
  return {
    data: {
      "text/html": html.filter((part) => part !== undefined).join("\n"),
      "text/plain": [title, ...lines].join("\n"),
    },
  };
}

const hasAll = (value: object, fields: readonly string[]): boolean => fields.every((field) => field in value);

/** One of the nouns. */
export const nounCard: Presenter = (value) => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const found = NOUNS.find(({ fields }) => hasAll(value, fields));
  return found === undefined ? null : shownCard(found.card(value as never));
};

const PREDICTION_FIELDS = ["form", "system", "exampleId", "truth", "answer", "readings"];

function isPredictions(value: unknown): value is readonly Prediction[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((one) => one !== null && typeof one === "object" && hasAll(one, PREDICTION_FIELDS));
}

/** Predictions by system: how many, how many are right, how many have readings that differ. */
export const predictionCard: Presenter = (value) => {
  const held = (value as { predictions?: unknown } | null)?.predictions;
  const predictions = isPredictions(held) ? held : isPredictions(value) ? value : null;
  if (predictions === null) return null;
  return Promise.all([import("../answers/forms.js"), import("../analysis/inconsistency.js")]).then(
    ([{ isCorrect }, { isInconsistent }]) => {
      const rows = [...new Set(predictions.map((one) => one.system))].map((system) => {
        const own = predictions.filter((one) => one.system === system);
        const right = own.filter(isCorrect).length;
        return {
          system,
          questions: own.length,
          right,
          share: right / own.length,
          inconsistent: own.filter(isInconsistent).length,
        };
      });
      return { data: tableBundle(rows, { note: `${predictions.length} predictions` }) };
    },
  );
};
