import { existsSync } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { readLines } from "../formats/lines";

/** Answers of an endpoint by the hash of what it was asked: one JSON line each, appended when it comes. */
export interface AnswerCache {
  get(key: string): string | undefined;
  put(key: string, answer: string): Promise<void>;
}

/** Opens a cache file; a last line that an interruption cut short is passed over. */
export async function openAnswerCache(file: string): Promise<AnswerCache> {
  const answers = new Map<string, string>();
  if (existsSync(file)) {
    for await (const { text } of readLines(file)) {
      try {
        const [key, answer] = JSON.parse(text) as [string, string];
        answers.set(key, answer);
      } catch {
        // cut short: it is asked again
      }
    }
  }
  await mkdir(dirname(file), { recursive: true });
  return {
    get: (key) => answers.get(key),
    put: async (key, answer) => {
      answers.set(key, answer);
      await appendFile(file, `\n${JSON.stringify([key, answer])}`); // a new line first: the one before may be cut short
    },
  };
}
