import type { Example, Split, Task } from "../../../src/base/types";

const CARD = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;

/** One open question; the topic is the type of question. */
export function openExample(split: Split, number: number, answer: string, topic = "organ"): Example {
  const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(number) } as const;
  const question = topic === "organ" ? "which organ is this ?" : "what was it taken with ?";
  const id = `vqa/${split}/${number}`;
  return { id, task: "vqa", split, image, question, answer, labels: [], form: "words", kind: "open", topic, group: id };
}

/** A task whose answers in each split are these. */
export function vqaTask(answers: Readonly<Record<Split, readonly string[]>>): Task {
  const of = (split: Split) => answers[split].map((answer, i) => openExample(split, i, answer));
  const splits = { train: of("train"), validation: of("validation"), test: of("test") };
  return { name: "vqa", source: "phantom", modality: "", labels: [], splits, card: CARD, fingerprint: "vqa" };
}

export const TASK = vqaTask({
  train: ["liver", "liver", "liver", "kidney", "left lung", "brain", "spleen", "heart"],
  validation: ["liver", "lung", "thymus", "heart"],
  test: ["the liver", "brain", "pancreas", "spleen", "kidney", "heart"],
});
