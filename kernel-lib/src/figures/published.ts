import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assertOneOf } from "../base/check";
import { DataError } from "../base/errors";
import { repositoryRoot } from "../base/paths";

/** The published tables in data/published. */
export const PUBLISHED_TABLES = ["classification", "vqa"] as const;
export type PublishedTable = (typeof PUBLISHED_TABLES)[number];

/** One number as the paper prints it, in per cent. */
export interface PublishedValue {
  readonly model: string;
  readonly task: string;
  readonly metric: string;
  readonly value: number;
}

/** A published table with where it comes from. */
export interface Published {
  readonly source: string;
  readonly table: string;
  readonly rows: readonly PublishedValue[];
}

/**
 * The paper's numbers, as printed (per cent). They are shown beside ours, never mixed in.
 *
 * @throws ConfigError on an unknown table. DataError when its file is missing or malformed.
 * @example mainTableFigure(results, { published: loadPublished("classification").rows, task: "breast-mnist" })
 */
export function loadPublished(table: PublishedTable): Published {
  assertOneOf("loadPublished: table", table, PUBLISHED_TABLES);
  const file = join(repositoryRoot(), "data", "published", `${table}.json`);
  try {
    const found = JSON.parse(readFileSync(file, "utf8")) as Published;
    if (Array.isArray(found.rows) && found.rows.every((row) => Number.isFinite(row.value))) return found;
  } catch (cause) {
    throw new DataError(
      `loadPublished: data/published/${table}.json must be readable JSON. Restore it with git.`,
      { table },
      cause,
    );
  }
  throw new DataError(`loadPublished: data/published/${table}.json must hold rows with numbers. Restore it with git.`, {
    table,
  });
}
