import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import type { Random } from "../../base/random";
import type { Control, RasterImage } from "../../base/types";
import { encodePicture, type PhantomRequest } from "../phantom";

/** A question that can be asked about one picture. */
export interface DrawnQuestion {
  readonly topic: string;
  readonly question: string;
  readonly answer: string;
  readonly kind: "closed" | "open";
}

/** A picture with every question that can be asked about it. */
export interface DrawnCase {
  readonly image: RasterImage;
  readonly questions: readonly DrawnQuestion[];
  /** What is shown and how it was taken, in words; for captions of the same world. */
  readonly words: readonly string[];
}

/** A yes/no question and whether it holds. */
export const closed = (topic: string, question: string, { holds }: { readonly holds: boolean }): DrawnQuestion => ({
  topic,
  question,
  answer: holds ? "yes" : "no",
  kind: "closed",
});

/** An open question. */
export const open = (topic: string, question: string, answer: string): DrawnQuestion => ({
  topic,
  question,
  answer,
  kind: "open",
});

/**
 * Deals `count` questions over the cases as evenly as their numbers allow, none twice.
 *
 * @returns for each question the index of its case.
 */
export function dealQuestions(
  cases: readonly DrawnCase[],
  count: number,
  random: Random,
): { readonly at: number; readonly question: DrawnQuestion }[] {
  const decks = cases.map(({ questions }) => random.shuffle(questions));
  const dealt: { at: number; question: DrawnQuestion }[] = [];
  for (let round = 0; dealt.length < count && decks.some((deck) => deck.length > round); round++) {
    for (const at of random.shuffle(decks.map((_, i) => i))) {
      const question = decks[at]![round];
      if (question !== undefined && dealt.length < count) dealt.push({ at, question });
    }
  }
  return dealt;
}

/** What is asked for what is known of the pictures. */
export type FactsRequest = Pick<PhantomRequest, "seed" | "size">;

/** Which cases are drawn and dealt. */
export interface DealRequest extends FactsRequest {
  /** Side of the pictures, pixels. Default the task's own. */
  readonly side?: number;
  readonly control: Control;
}

/** Where only what is true of a picture is wanted, it is drawn this small. */
export const FACTS_SIDE = 4;

/** Draws this many cases, each from a stream of its own. */
export function drawCases<Case extends DrawnCase>(
  count: number,
  draw: (random: Random) => Case,
  random: Random,
  { control }: { readonly control: Control },
): Case[] {
  return Array.from({ length: count }, (_, i) => {
    if (i % 64 === 0) assertNotInterrupted("phantom pictures", control.signal);
    return draw(random.fork(`picture/${i}`));
  });
}

/** Writes a file of the stand-in; the whole folder is put in its place at once, so no file has to be complete before. */
export function writeInPlace(file: string, content: Uint8Array | string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** Writes the picture of a case, as PNG or JPEG by its name's ending. */
export async function writePicture(folder: string, name: string, { image }: DrawnCase): Promise<void> {
  writeInPlace(join(folder, name), await encodePicture(image, name.endsWith(".png") ? "png" : "jpeg"));
}

/** Writes rows as a JSON list. */
export const writeJson = (file: string, rows: readonly object[]): void =>
  writeInPlace(file, `${JSON.stringify(rows, null, 1)}\n`);
