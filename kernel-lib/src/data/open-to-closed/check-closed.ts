import { keyWords } from "./answer-words";
import type { CandidateQuestion } from "./convert-open";

const OPENINGS = /^(is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\b/i;
const MOST_LETTERS = 300;

/**
 * Why a written yes/no question cannot stand for its open question, or null when it can: it must be one question, begin like a
 * yes/no question, and keep every meaningful word of the candidate.
 */
export function findFault(question: string, { candidate }: CandidateQuestion): string | null {
  const text = question.trim();
  if (text.length === 0 || text.length > MOST_LETTERS) return `a text of ${text.length} letters`;
  if (!text.endsWith("?") || text.indexOf("?") !== text.length - 1 || text.includes("\n")) return "not one question";
  if (!OPENINGS.test(text)) return "no yes/no question";
  const words = new Set(keyWords(text));
  const lost = keyWords(candidate).filter((word) => !words.has(word));
  return lost.length === 0 ? null : `lost ${lost.join(", ")}`;
}
