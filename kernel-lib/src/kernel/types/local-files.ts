import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Files beside the notebook that cells import: the language server is told when one of them is new or has changed. */

const IMPORTED = /(?:\bfrom|\bimport|\brequire\s*\()\s*\(?\s*["'](\.{1,2}\/[^"'\n]+|\/[^"'\n]+)["']/g;
const EXTENSIONS = ["", ".ts", ".mts", ".cts", ".js", ".mjs", ".json", "/index.ts", "/index.js"];
const CREATED = 1;
const CHANGED = 2;
const MAX_FILES = 1000;

/** What the language server understands. */
interface FileChange {
  readonly uri: string;
  readonly type: number;
}

function importedFiles(source: string, folder: string): string[] {
  return [...source.matchAll(IMPORTED)].flatMap((match) => {
    const path = resolve(folder, match[1]!);
    const candidates = [...EXTENSIONS.map((extension) => path + extension), path.replace(/\.([mc]?)js$/, ".$1ts")];
    const found = candidates.find((file) => existsSync(file) && statSync(file).isFile());
    return found === undefined ? [] : [found];
  });
}

export class LocalFiles {
  private readonly modified = new Map<string, number>();

  /** Changes since the last call of the files that this source imports, and that they import, and of all seen before. */
  changes(source: string, folder: string): FileChange[] {
    const changes: FileChange[] = [];
    const visited = new Set<string>();
    const visit = (file: string): void => {
      if (visited.has(file) || visited.size >= MAX_FILES) return;
      visited.add(file);
      const before = this.modified.get(file);
      const now = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
      if (now === undefined || now === before) return;
      this.modified.set(file, now);
      changes.push({ uri: pathToFileURL(file).href, type: before === undefined ? CREATED : CHANGED });
      for (const next of importedFiles(readFileSync(file, "utf8"), dirname(file))) visit(next);
    };
    for (const file of [...this.modified.keys(), ...importedFiles(source, folder)]) visit(file);
    return changes;
  }
}
