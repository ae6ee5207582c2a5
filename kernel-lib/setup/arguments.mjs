import { SetupError } from "./errors.mjs";

const USAGE =
  "Use: npm run setup [-- --gpu | --cpu], npm run reproduce, npm run notebooks, npm test, npm run lab, npm run checkpoints, npm run data, npm run artifacts, npm run reference.";

/**
 * Reads `[--gpu | --cpu] [--then command -- its arguments …]`.
 *
 * @returns {{variant: "cpu" | "gpu" | null, command: string | null, rest: string[]}}
 */
export function parseArguments(words) {
  const parsed = { variant: null, command: null, rest: [] };
  const queue = [...words];
  while (queue.length > 0) {
    const word = queue.shift();
    if (word === "--") return { ...parsed, rest: queue };
    if (word === "--gpu" || word === "--cpu") parsed.variant = word.slice(2);
    else if (word === "--then" && /^[a-z-]+$/.test(queue[0] ?? "")) parsed.command = queue.shift();
    else throw new SetupError("arguments", `"${word}" is not an option of set-up.`, USAGE);
  }
  return parsed;
}
