import { createHash } from "node:crypto";
import type { Example, Split } from "../../base/types";
import { hashImage } from "../formats/checksum";

/** Hash of everything a reader could see of the examples: the identity of a task made of many files. */
export function hashExamples(splits: Readonly<Record<Split, readonly Example[]>>): string {
  const hash = createHash("sha256");
  for (const { id, question, answer, group, image } of Object.values(splits).flat()) {
    hash.update(JSON.stringify([id, question, answer, group, hashImage(image)]));
  }
  return hash.digest("hex").slice(0, 16);
}
