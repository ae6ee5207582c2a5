import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";
import { compile } from "../compile/compile";
import { createSharedNames } from "./shared-names";
import { rememberSource } from "./stack";

/** `import` in cells: packages of both module kinds, JSON, and TypeScript files beside the notebook, read anew when they change. */

type Namespace = Readonly<Record<string, unknown>>;

/** Flags that compiled code looks at: at the top, in functions, in loops of functions that wait (see StopFlags). */
interface StopTools {
  readonly stop: Int32Array;
  readonly now: Int32Array;
  readonly ever: Int32Array;
  /** Throws when the one that the code works for is to stop. */
  interrupt(): void;
}

/** What compiled code is given beside the shared names. */
export interface CellTools extends StopTools {
  readonly meta: Readonly<Record<string, unknown>>;
  import(specifier: unknown): Promise<Namespace>;
  load(specifier: string, wanted: readonly (readonly [string, string])[]): Promise<void>;
  exportAll(specifier: string, name: string | null): Promise<void>;
  exportFrom(specifier: string, pairs: readonly (readonly [string, string])[]): Promise<void>;
  use<T>(value: T, kind: "using" | "await using"): T;
}

/** A compiled function and what it is called with. */
type CellFunction = (cells: Record<string, unknown>, tools: CellTools) => Promise<{ value: unknown } | undefined>;

/** Turns compiled code into its function. */
export function loadFunction(code: string, filename: string): CellFunction {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  return new Script(code, { filename, importModuleDynamically }).runInThisContext() as CellFunction;
}

const EXTENSIONS = ["", ".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];
const TYPESCRIPT = /\.[mc]?tsx?$/;

/** A relative specifier as a file; `./x.js` may mean x.ts, as in TypeScript. */
function resolveFile(specifier: string, folder: string): string | null {
  const path = specifier.startsWith("file:") ? fileURLToPath(specifier) : resolve(folder, specifier);
  const candidates = EXTENSIONS.map((extension) => path + extension);
  if (/\.[mc]?js$/.test(path)) candidates.push(path.replace(/\.([mc]?)js$/, ".$1ts"));
  return candidates.find((file) => existsSync(file) && statSync(file).isFile()) ?? null;
}

/** A CommonJS module as `import` sees it: its members, and the whole as default unless it names one. */
function namespaceOf(exported: unknown): Namespace {
  if (exported !== null && typeof exported === "object" && (exported as Namespace)["__esModule"] === true)
    return exported as Namespace;
  const members = exported !== null && /^(?:object|function)$/.test(typeof exported) ? (exported as object) : {};
  const namespace = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(members)) namespace[key] = (members as Record<string, unknown>)[key];
  namespace["default"] = exported;
  return namespace;
}

function isModuleFile(file: string): boolean {
  const extension = extname(file);
  if (extension !== ".js") return extension === ".mjs";
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, "utf8")) as { type?: string }).type === "module";
    if (folder === dirname(folder)) return false;
  }
}

interface LocalModule {
  readonly modified: number;
  readonly namespace: Namespace;
  readonly done: Promise<void>;
  /** The local modules it has imported, as they were then. */
  readonly needs: Map<string, LocalModule>;
}

/** Loads modules for cells in one folder. */
export class ModuleLoader {
  private readonly locals = new Map<string, LocalModule>();
  private readonly replaced: ReadonlyMap<string, Namespace>;
  private readonly shared: StopTools;

  /** @param replaced modules that the kernel brings itself, by specifier. */
  constructor(shared: StopTools, replaced: ReadonlyMap<string, Namespace>) {
    this.shared = shared;
    this.replaced = replaced;
  }

  /** The module a specifier names, seen from a file. */
  async import(specifier: string, from: string): Promise<Namespace> {
    const own = this.replaced.get(specifier);
    if (own !== undefined) return own;
    if (isBuiltin(specifier)) return namespaceOf(createRequire(from)(specifier));
    if (/^\.{0,2}\/|^\.{1,2}$|^file:/.test(specifier) || isAbsolute(specifier)) {
      const file = resolveFile(specifier, dirname(from));
      if (file === null) throw notFound(specifier, from);
      if (!TYPESCRIPT.test(file)) return importFile(file, from);
      const namespace = await this.importLocal(file);
      this.locals.get(from)?.needs.set(file, this.locals.get(file)!);
      return namespace;
    }
    return importPackage(specifier, from);
  }

  private async importLocal(file: string): Promise<Namespace> {
    const before = this.locals.get(file);
    // a module that imports itself in a circle gets what is there so far
    if (before !== undefined && this.isCurrent(file, before, new Set())) {
      if (!this.loading.has(file)) await before.done;
      return before.namespace;
    }
    const modified = statSync(file).mtimeMs;
    const source = readFileSync(file, "utf8");
    const compiled = compile(source, { known: new Set(), isGlobal: (name) => name in globalThis });
    rememberSource(file, { name: file, source, map: compiled.map });
    const names = createSharedNames(commonNames(file));
    const namespace: Record<string, unknown> = {};
    for (const [exported, name] of compiled.exports)
      Object.defineProperty(namespace, exported, { enumerable: true, get: () => names[name] });
    const tools = this.tools(file, names, namespace);
    this.loading.add(file);
    // begins when it is known as the one that is loading
    const done = Promise.resolve()
      .then(() => runModule(loadFunction(compiled.code, file), names, tools))
      .finally(() => this.loading.delete(file));
    this.locals.set(file, { modified, namespace, done, needs: new Map() });
    done.catch(() => this.locals.delete(file));
    await done;
    return namespace;
  }

  private readonly loading = new Set<string>();

  /** Whether neither this module nor one that it has imported has changed since. */
  private isCurrent(file: string, module: LocalModule, seen: Set<string>): boolean {
    if (seen.has(file)) return true;
    seen.add(file);
    if (this.locals.get(file) !== module || !existsSync(file) || statSync(file).mtimeMs !== module.modified)
      return false;
    return [...module.needs].every(([needed, as]) => this.isCurrent(needed, as, seen));
  }

  /** What code of this file is given. */
  tools(
    file: string,
    names: Record<string, unknown>,
    exported: Record<string, unknown>,
  ): CellTools & { dispose(): Promise<void> } {
    const load = (specifier: string): Promise<Namespace> => this.import(specifier, file);
    const isModule = (): boolean => this.locals.has(file);
    const disposals: { value: unknown; kind: "using" | "await using" }[] = [];
    return {
      ...this.shared,
      meta: metaOf(file),
      import: (specifier) => load(String(specifier)),
      async load(specifier, wanted) {
        const namespace = await load(specifier);
        for (const [local, name] of wanted) {
          // modules that import each other find later what is not there yet; a cell keeps what it got
          if (name !== "*" && isModule()) defineLive(names, local, namespace, name);
          else names[local] = name === "*" ? namespace : namespace[name];
        }
      },
      async exportAll(specifier, name) {
        const namespace = await load(specifier);
        if (name !== null) exported[name] = namespace;
        else
          for (const key of Object.keys(namespace))
            if (key !== "default" && !Object.hasOwn(exported, key)) defineLive(exported, key, namespace, key);
      },
      async exportFrom(specifier, pairs) {
        const namespace = await load(specifier);
        for (const [as, name] of pairs) defineLive(exported, as, namespace, name);
      },
      use(value, kind) {
        disposals.push({ value, kind });
        return value;
      },
      async dispose() {
        for (const { value, kind } of disposals.reverse()) await disposeOf(value, kind);
      },
    };
  }
}

/** A name that is always what a module has under its own. */
function defineLive(target: Record<string, unknown>, as: string, namespace: Namespace, name: string): void {
  Object.defineProperty(target, as, { configurable: true, enumerable: true, get: () => namespace[name] });
}

async function disposeOf(value: unknown, kind: "using" | "await using"): Promise<void> {
  if (value === null || value === undefined) return;
  const methods = value as Record<symbol, (() => unknown) | undefined>;
  const dispose = (kind === "await using" ? methods[Symbol.asyncDispose] : undefined) ?? methods[Symbol.dispose];
  if (typeof dispose !== "function") throw new TypeError("Property [Symbol.dispose] is not a function.");
  const ended = dispose.call(value);
  if (kind === "await using") await ended;
}

async function runModule(
  run: CellFunction,
  names: Record<string, unknown>,
  tools: CellTools & { dispose(): Promise<void> },
): Promise<void> {
  try {
    await run(names, tools);
  } finally {
    await tools.dispose();
  }
}

/** What CommonJS code expects to find. */
export function commonNames(file: string): Record<string, unknown> {
  const module = { exports: {}, id: file, filename: file };
  return { require: createRequire(file), module, exports: module.exports, __filename: file, __dirname: dirname(file) };
}

function metaOf(file: string): CellTools["meta"] {
  const resolveUrl = (specifier: string): string => pathToFileURL(createRequire(file).resolve(specifier)).href;
  return { url: pathToFileURL(file).href, filename: file, dirname: dirname(file), resolve: resolveUrl };
}

function notFound(specifier: string, from: string): Error {
  const error = new Error(`Cannot find module '${specifier}' from ${dirname(from)}`);
  return Object.assign(error, { code: "ERR_MODULE_NOT_FOUND" });
}

async function importFile(file: string, from: string): Promise<Namespace> {
  if (isModuleFile(file)) return nativeImport(pathToFileURL(file).href, from);
  return namespaceOf(createRequire(from)(file));
}

/**
 * A package by its CommonJS entry where it has one (as the libraries in this process see it), else as a module. What is not
 * found from the file is looked for beside this library.
 */
async function importPackage(specifier: string, from: string): Promise<Namespace> {
  const place = [from, __filename].find((file) => hasPackage(specifier, file));
  if (place === undefined) throw notFound(specifier, from);
  let file: string;
  try {
    file = createRequire(place).resolve(specifier);
  } catch {
    return nativeImport(specifier, place); // a module without an entry for require
  }
  return importFile(file, place);
}

function hasPackage(specifier: string, from: string): boolean {
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1);
  return (createRequire(from).resolve.paths(specifier) ?? []).some((folder) => existsSync(join(folder, ...name)));
}

function nativeImport(specifier: string, from: string): Promise<Namespace> {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script("(specifier) => import(specifier)", { filename: from, importModuleDynamically });
  return (script.runInThisContext() as (specifier: string) => Promise<Namespace>)(specifier);
}
