import type { SeedAnswers } from "../../src/analysis/over-seeds";
import type { Random } from "../../src/base/random";
import { predict, toyExample, toyTask } from "./helpers";

/** How often each of two systems is right, and both of them alike. */
export interface World {
  readonly base: number;
  readonly gain: number;
  readonly numSeeds: number;
  readonly numQuestions: number;
}

/** Two classes; JOMED changes a fifth of FT RAG's answers, for the better by `gain` more than for the worse. */
export function drawAnswers({ base, gain, numSeeds, numQuestions }: World, random: Random): SeedAnswers[] {
  return Array.from({ length: numSeeds }, (_, seed) => {
    const ids = Array.from({ length: numQuestions }, (_each, i) => `q${i}`);
    const task = toyTask(
      ["accuracy"],
      ids.map((id, i) => toyExample(id, { labels: [i % 2] })),
    );
    const predictions = ids.flatMap((id, i) => {
      const truth = i % 2;
      const isRight = random.chance(base);
      const changes = random.chance((isRight ? 0.1 - gain / 2 : 0.1 + gain / 2) / (isRight ? base : 1 - base));
      const answer = (right: boolean): number => (right ? truth : 1 - truth);
      const split = [answer(isRight), answer(random.chance(0.5))];
      return [
        predict("ft-rag", id, truth, split, answer(isRight)),
        predict("jomed", id, truth, split, answer(isRight !== changes)),
      ];
    });
    return { seed, task, predictions };
  });
}
