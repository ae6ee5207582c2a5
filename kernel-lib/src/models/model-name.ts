import { ConfigError } from "../base/errors";

/** A model of the hub: whose, which, and which state of it. */
export interface ModelName {
  readonly owner: string;
  readonly name: string;
  /** "owner/name" */
  readonly id: string;
  /** A branch, a tag or a commit; null where none is said. */
  readonly revision: string | null;
}

const PART = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/;
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9._/-]*$/;

/** Whether a text is written as the name of a model of the hub. */
export function isModelName(text: string): boolean {
  const [id = "", revision, ...rest] = text.split("@");
  const parts = id.split("/");
  const isId = parts.length === 2 && parts.every((part) => part.length <= 96 && PART.test(part) && !isOdd(part));
  return isId && rest.length === 0 && (revision === undefined || isRevision(revision));
}

/**
 * Reads "owner/name" or "owner/name@revision".
 *
 * @param revision as if it stood behind the @.
 * @throws ConfigError when it is written otherwise, or names two revisions.
 * @example parseModelName("Qwen/Qwen2-VL-2B-Instruct@main")
 */
export function parseModelName(where: string, text: string, revision?: string): ModelName {
  if (!isModelName(text))
    throw new ConfigError(
      `${where}: name must be owner/name or owner/name@revision of a model; got ${JSON.stringify(text)}. Copy it from the model's page.`,
      { name: text },
    );
  if (revision !== undefined && !isRevision(revision))
    throw new ConfigError(
      `${where}: revision must be a branch, a tag or a commit; got ${JSON.stringify(revision)}. Copy it from the model's page.`,
      { revision },
    );
  const [id, written] = text.split("@") as [string, string?];
  if (revision !== undefined && written !== undefined && revision !== written)
    throw new ConfigError(`${where}: revision must be said once; got ${written} and ${revision}. Leave one out.`, {
      revision,
      written,
    });
  const [owner, name] = id.split("/") as [string, string];
  return { owner, name, id, revision: revision ?? written ?? null };
}

const isRevision = (text: string): boolean => text.length <= 200 && REVISION.test(text) && !isOdd(text);

/** Dots and dashes that the hub allows in no name; the first one would climb out of a folder. */
const isOdd = (text: string): boolean => text.includes("..") || text.includes("--") || text.includes("//");
