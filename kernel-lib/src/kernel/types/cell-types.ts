import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, parse, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { isProcessAlive } from "../../base/check";
import { declarationsOf, type NameKind } from "../compile/names";
import { LanguageServer } from "./language-server";
import { LocalFiles } from "./local-files";

/**
 * The types of the cells of one session. Every cell that has declared something is a module of its own; the
 * cell at hand imports what it mentions. Nothing but the cell itself is checked again. While nobody waits, one more module is
 * written that exports the newest of every name. It keeps everything in the compiler's program, whatever the cell at hand
 * mentions: what falls out of the program would be read anew.
 *
 * The modules lie in a folder of temporary files that mirrors the path of the working folder, with links to the folders of
 * packages on the way, so that a relative path or a package means in a cell what it means in a file beside the notebook.
 */

/** A complaint about a cell; line and column count from 1. */
export interface Complaint {
  readonly code: number;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  /** Length of the complained-of text on its line. */
  readonly length: number;
  readonly kind: "syntax" | "type";
}

/** A place in the text of a cell, counted from 0 in UTF-16 units. */
export interface CellPlace {
  readonly line: number;
  readonly character: number;
}

interface Range {
  readonly start: CellPlace;
  readonly end: CellPlace;
}

interface Diagnostic {
  readonly code: number;
  readonly severity: number;
  readonly message: string;
  readonly range: Range;
}

interface Name {
  readonly kind: NameKind;
  /** The module that declares it. */
  readonly module: string;
}

/** Quiet for so long, the compiler looks up what may be asked next, of so many names at most. */
const IDLE_MS = 200;
const MAX_PREPARED = 4;
/** What is completed first in most sessions: a name, a member, a package. */
const FIRST_ASKED = ["c", "console.", 'import "'];
const CELL = "cell.ts";
const SESSION = "session";
/** All of the session's names as one object, in the cell at hand. */
export const SESSION_NAME = "$session";
const FOLDER = "kernel-lib-cells-";
const ERROR = 1;
const IDENTIFIER = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;
/** Below this the compiler speaks of the grammar. */
const FIRST_TYPE_CODE = 2000;
/** That a type was not written and cannot be told: a cell of JavaScript is a cell as well. */
const isImplicitAny = (code: number): boolean => (code >= 7000 && code < 7100) || code === IMPLICIT_THIS;
const IMPLICIT_THIS = 2683;
const READ_ONLY_IMPORT = 2632;
const CONSTANT = 2588;

/** How TypeScript sees the names that every cell finds. */
const CELL_NAME_TYPES = `
interface DisplayHandle {
  readonly id: string;
  /** Shows another value in this place. */
  update(value: unknown): void;
}
/** Shows a value below the cell in the richest format it has; \`update\` replaces what an earlier call showed. */
declare function display(value: unknown, options?: { id?: string; update?: DisplayHandle | string }): DisplayHandle;
/** Clears the output of the cell; with \`wait\` when the next output arrives. */
declare function clearOutput(options?: { wait?: boolean }): void;
/** Asks for a line of text. */
declare function prompt(message?: string, initial?: string | null): string | null;
`;

const options = (root: string, types: string): object => ({
  compilerOptions: {
    target: "esnext",
    lib: ["esnext"],
    module: "esnext",
    moduleResolution: "bundler",
    moduleDetection: "force",
    strict: true,
    useUnknownInCatchVariables: false,
    types: ["node"],
    typeRoots: [types],
    allowJs: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    esModuleInterop: true,
    skipLibCheck: true,
    noEmit: true,
    rootDirs: [root, parse(root).root],
  },
  files: [CELL, `${SESSION}.ts`, "names.d.ts"],
});

/** Links to the package folders of a folder and of all above it, at the same places below another root. */
function linkPackages(cwd: string, root: string): void {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const packages = join(folder, "node_modules");
    const mirror = join(root, relative(parse(cwd).root, folder));
    mkdirSync(mirror, { recursive: true });
    if (existsSync(packages)) symlinkSync(packages, join(mirror, "node_modules"), "dir");
    if (folder === dirname(folder)) break;
  }
  // what no folder above has is looked for among the packages beside this library
  const last = join(root, "node_modules");
  if (!existsSync(last)) symlinkSync(ownPackages(), last, "dir");
}

/** Removes the folders of kernels that were killed before they could. */
function removeLeft(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(FOLDER) ? Number(/\d+/.exec(name.slice(FOLDER.length))?.[0]) : Number.NaN;
    if (Number.isInteger(pid) && !isProcessAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** The folder of packages that this library finds its own in. */
function ownPackages(): string {
  return dirname(dirname(createRequire(__filename).resolve("typescript/package.json")));
}

export class CellTypes {
  private readonly top: string;
  private readonly folder: string;
  private readonly uri: string;
  private readonly sessionUri: string;
  private readonly server: LanguageServer;
  private readonly cwd: string;
  private readonly locals = new LocalFiles();
  private readonly names = new Map<string, Name>();
  private readonly modules = new Map<string, ReadonlySet<string>>();
  /** What the session's module exports: the names as they were when it was last written. */
  private exported: ReadonlyMap<string, Name> = new Map();
  private version = 1;
  private lastModule = 0;
  private turn: Promise<unknown>;
  private idle: NodeJS.Timeout | undefined;
  private preparing: AbortController | null = null;

  /** @param cwd the folder of the notebook. */
  constructor(cwd: string) {
    this.cwd = cwd;
    removeLeft();
    this.top = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
    const root = join(this.top, "root");
    this.folder = join(root, relative(parse(cwd).root, cwd));
    linkPackages(cwd, root);
    const types = dirname(dirname(createRequire(__filename).resolve("@types/node/package.json")));
    writeFileSync(join(this.folder, "tsconfig.json"), JSON.stringify(options(root, types)));
    writeFileSync(join(this.folder, "names.d.ts"), CELL_NAME_TYPES);
    writeFileSync(join(this.folder, CELL), "export {}");
    writeFileSync(join(this.folder, `${SESSION}.ts`), "export {}");
    this.uri = pathToFileURL(join(this.folder, CELL)).href;
    this.sessionUri = pathToFileURL(join(this.folder, `${SESSION}.ts`)).href;
    this.server = new LanguageServer(this.top);
    this.turn = this.open();
    this.turn.catch(() => undefined);
  }

  private async open(): Promise<void> {
    const capabilities = {
      workspace: { configuration: true },
      textDocument: {
        diagnostic: {},
        completion: { completionItem: { documentationFormat: ["markdown", "plaintext"] } },
        hover: { contentFormat: ["markdown"] },
        signatureHelp: { signatureInformation: { documentationFormat: ["markdown"] } },
      },
    };
    const rootUri = pathToFileURL(this.top).href;
    await this.server.request("initialize", { processId: process.pid, rootUri, capabilities });
    this.server.notify("initialized", {});
    for (const uri of [this.uri, this.sessionUri]) {
      const textDocument = { uri, languageId: "typescript", version: this.version, text: "export {}" };
      this.server.notify("textDocument/didOpen", { textDocument });
    }
    // reads the library's declarations while nobody waits for them
    await this.server.request("textDocument/diagnostic", { textDocument: { uri: this.uri } });
    this.prepareSoon(FIRST_ASKED);
  }

  /** One after the other: there is one text at a time. What is only looked up for later gives way. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.idle);
    this.preparing?.abort();
    const next = this.turn.catch(() => undefined).then(work);
    this.turn = next.catch(() => undefined);
    return next;
  }

  /** The line above the module of a cell that brings in these names of earlier cells, as they are now. */
  private preamble(wanted: Iterable<string>): { line: string; modules: ReadonlySet<string> } {
    const parts: string[] = [];
    const modules = new Set<string>();
    for (const name of wanted) {
      const found = this.names.get(name);
      if (found === undefined) continue;
      modules.add(found.module);
      if (found.kind === "let") parts.push(`declare let ${name}: typeof import("./${found.module}").${name};`);
      else parts.push(`import { ${name} } from "./${found.module}";`);
    }
    return { line: parts.join(" "), modules };
  }

  /**
   * The line above the cell at hand. Whatever it mentions comes from the session's module where that has it: as long as no import
   * comes or goes, the compiler takes over its whole program.
   */
  private cellLine(wanted: Iterable<string>): string {
    const all = [...wanted];
    const isThere = (name: string): boolean => this.exported.get(name) === this.names.get(name);
    const isLet = (name: string): boolean => this.names.get(name)?.kind === "let";
    const there = all.filter(isThere);
    const lets = there.filter(isLet).map((name) => ` declare let ${name}: typeof ${SESSION_NAME}.${name};`);
    const others = there.filter((name) => !isLet(name)).join(", ");
    const from = `from "./${SESSION}";`;
    const { line } = this.preamble(all.filter((name) => !isThere(name)));
    return `import * as ${SESSION_NAME} ${from} import { ${others} } ${from}${lets.join("")} ${line}`;
  }

  /** Writes the session's module anew where names have come or changed. */
  private updateSession(): void {
    if (
      this.names.size === this.exported.size &&
      [...this.names].every(([name, one]) => this.exported.get(name) === one)
    )
      return;
    this.exported = new Map(this.names);
    const lines = [...this.names].map(([name, { module }]) => `export { ${name} } from "./${module}";`);
    const textDocument = { uri: this.sessionUri, version: ++this.version };
    this.server.notify("textDocument/didChange", {
      textDocument,
      contentChanges: [{ text: `${lines.join("\n")}\nexport {};` }],
    });
  }

  /** Names of earlier cells that a source mentions and does not declare itself. */
  private mentioned(source: string): Set<string> {
    const own = declarationsOf(source).names;
    return new Set((source.match(IDENTIFIER) ?? []).filter((name) => this.names.has(name) && !own.has(name)));
  }

  private setText(source: string, wanted: Iterable<string>): void {
    const text = `${this.cellLine(wanted)}\n${source}`;
    const changes = this.locals.changes(source, this.cwd);
    if (changes.length > 0) this.server.notify("workspace/didChangeWatchedFiles", { changes });
    const textDocument = { uri: this.uri, version: ++this.version };
    this.server.notify("textDocument/didChange", { textDocument, contentChanges: [{ text }] });
  }

  /** What is wrong with a cell, in the order of the text. */
  check(source: string): Promise<Complaint[]> {
    return this.inTurn(async () => {
      this.setText(source, this.mentioned(source));
      const params = { textDocument: { uri: this.uri } };
      const { items = [] } = await this.server.request<{ items?: Diagnostic[] }>("textDocument/diagnostic", params);
      const complaints = items
        .filter((item) => item.severity === ERROR && item.range.start.line > 0 && !isImplicitAny(item.code))
        .map(toComplaint)
        .sort((a, b) => a.line - b.line || a.column - b.column);
      return withinSource(complaints, source);
    });
  }

  /**
   * Keeps what a cell that has run declares. Of a cell that failed only the names it reached (those in `reached`) and its types.
   */
  remember(source: string, reached: ReadonlySet<string> | "all"): void {
    const { names, exported } = declarationsOf(source);
    if (names.size === 0) return;
    const module = `cell_${++this.lastModule}`;
    const { line, modules } = this.preamble(this.mentioned(source));
    const list = [...names.keys()].filter((name) => !exported.has(name));
    const text = `${line}\n${source}\nexport { ${list.join(", ")} };`;
    writeFileSync(join(this.folder, `${module}.ts`), text);
    this.modules.set(module, modules);
    const isThere = (name: string, kind: NameKind): boolean =>
      reached === "all" || kind === "type" || reached.has(name);
    for (const [name, kind] of names) if (isThere(name, kind)) this.names.set(name, { kind, module });
    this.forget();
    this.prepareSoon(["c", ...[...names.keys()].slice(0, MAX_PREPARED).map((name) => `${name}.`)]);
  }

  /** Asks what may be asked next while nobody waits: of a package the first answer takes long. */
  private prepareSoon(beginnings: readonly string[]): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => void this.prepare(beginnings), IDLE_MS);
  }

  private async prepare(beginnings: readonly string[]): Promise<void> {
    const preparing = new AbortController();
    this.updateSession();
    for (const beginning of beginnings) {
      if (preparing.signal.aborted) return;
      const asked = this.ask(
        "textDocument/completion",
        beginning,
        { line: 0, character: beginning.length },
        preparing.signal,
      );
      this.preparing = preparing;
      await asked.catch(() => undefined);
    }
    this.preparing = null;
  }

  /** Removes modules that no visible name hangs on. */
  private forget(): void {
    const needed = new Set<string>();
    const visit = (module: string): void => {
      if (needed.has(module)) return;
      needed.add(module);
      for (const other of this.modules.get(module) ?? []) visit(other);
    };
    for (const { module } of this.names.values()) visit(module);
    for (const module of [...this.modules.keys()])
      if (!needed.has(module)) {
        this.modules.delete(module);
        unlinkSync(join(this.folder, `${module}.ts`));
      }
  }

  /** Whether an earlier cell has declared this name. */
  knows(name: string): boolean {
    return this.names.has(name);
  }

  /** All cells are forgotten: their values are gone. */
  clear(): void {
    this.names.clear();
    this.forget();
    this.updateSession();
  }

  /** Asks the language server about a place in a source in which all names of earlier cells are known. */
  ask<T>(method: string, source: string, { line, character }: CellPlace, signal?: AbortSignal): Promise<T> {
    return this.inTurn(() => {
      const own = declarationsOf(source).names;
      this.setText(
        source,
        [...this.names.keys()].filter((name) => !own.has(name)),
      );
      const position = { line: line + 1, character };
      return this.server.request<T>(method, { textDocument: { uri: this.uri }, position }, signal);
    });
  }

  request<T>(method: string, params: object): Promise<T> {
    return this.inTurn(() => this.server.request<T>(method, params));
  }

  close(): void {
    clearTimeout(this.idle);
    this.server.close();
    rmSync(this.top, { recursive: true, force: true });
  }
}

/** What is missing at the end is said of the line after the source's last; it is shown at the end of that, once. */
function withinSource(complaints: readonly Complaint[], source: string): Complaint[] {
  const lines = source.trimEnd().split("\n");
  const within = complaints.filter(({ line }) => line <= lines.length);
  if (within.length > 0 || complaints.length === 0) return within;
  return [{ ...complaints[0]!, line: lines.length, column: lines.at(-1)!.length + 1, length: 1 }];
}

function toComplaint({ code, message, range }: Diagnostic): Complaint {
  const isSameLine = range.start.line === range.end.line;
  return {
    code: code === READ_ONLY_IMPORT ? CONSTANT : code,
    message: code === READ_ONLY_IMPORT ? message.replace("an import", "a constant") : message,
    line: range.start.line,
    column: range.start.character + 1,
    length: isSameLine ? Math.max(1, range.end.character - range.start.character) : 1,
    kind: code < FIRST_TYPE_CODE ? "syntax" : "type",
  };
}
