import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REPOSITORY } from "../setup/fakes";

// The very compiler of the notebooks (5.0.4), with the options that tslab gives it, only stricter.
// biome-ignore lint/suspicious/noExplicitAny: its types are those of another TypeScript than ours
const ts: any = require("@tslab/typescript-for-tslab");

const CELL = join(REPOSITORY, "notebooks/declarations-test.ts");
const OPTIONS = {
  module: ts.ModuleKind.CommonJS,
  moduleResolution: ts.ModuleResolutionKind.Node10,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  esModuleInterop: true,
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  types: ["node"],
};

/** A program of one cell that exists in memory only. */
function compileCell(text: string, changes = {}) {
  const options = { ...OPTIONS, ...changes };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.getCurrentDirectory = () => REPOSITORY;
  host.fileExists = (path: string) => path === CELL || fileExists.call(host, path);
  host.readFile = (path: string) => (path === CELL ? text : readFile.call(host, path));
  return ts.createProgram([CELL], options, host);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function messagesOf(diagnostics: readonly any[]): string[] {
  return diagnostics.map((each) => `${each.file?.fileName}: ${ts.flattenDiagnosticMessageText(each.messageText, " ")}`);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
const indexOf = (program: any) =>
  program.getSourceFiles().find((file: { fileName: string }) => file.fileName.endsWith("kernel-lib/dist/index.d.ts"));

/** "value name" or "type  name" of everything a module exports; a namespace and what is in it: "value models.loadClip". */
// biome-ignore lint/suspicious/noExplicitAny: as above
function exportsOf(program: any, file: unknown): string[] {
  const checker = program.getTypeChecker();
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const list = (symbol: any, prefix: string): string[] =>
    // biome-ignore lint/suspicious/noExplicitAny: as above
    checker.getExportsOfModule(symbol).flatMap((each: any) => {
      const target = checker.getAliasedSymbol(each);
      if (target.flags & ts.SymbolFlags.ValueModule) return list(target, `${prefix}${each.name}.`);
      return `${target.flags & ts.SymbolFlags.Value ? "value" : "type "} ${prefix}${each.name}`;
    });
  return list(checker.getSymbolAtLocation(file), "");
}

describe("kernel-lib's declarations under the notebooks' TypeScript", () => {
  const program = compileCell(
    'import * as kernel from "kernel-lib";\nexport const random = kernel.createRandom(7).next();\n',
  );

  it("is TypeScript 5.0.4", () => {
    expect(ts.version).toBe("5.0.4");
  });

  it("have no errors, neither in a cell nor in themselves", () => {
    const own = program
      .getSourceFiles()
      .filter(({ fileName }: { fileName: string }) => fileName === CELL || fileName.includes("kernel-lib/dist/"));
    expect(own.length).toBeGreaterThan(5);
    const found = own.flatMap((file: unknown) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]);
    expect(messagesOf(found)).toEqual([]);
  });

  it("export the names that are written down (update with vitest -u)", async () => {
    const names = exportsOf(program, indexOf(program));
    expect(names.filter((name) => !name.includes(".")).length).toBeLessThan(120);
    await expect(`${names.sort().join("\n")}\n`).toMatchFileSnapshot("exports.txt");
  });

  it("fit the example of README.md", () => {
    const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, "README.md"), "utf8")) ?? [];
    expect(example).toContain("tuneRetriever");
    const cell = compileCell(`${example}\nexport {};\n`, { module: ts.ModuleKind.ESNext });
    const file = cell.getSourceFile(CELL);
    expect(messagesOf([...cell.getSyntacticDiagnostics(file), ...cell.getSemanticDiagnostics(file)])).toEqual([]);
  });

  it("would be refused if they were wrong: the test itself sees an error", () => {
    const wrong = compileCell(
      'import * as kernel from "kernel-lib";\nexport const x: string = kernel.createRandom(7).next();\n',
    );
    expect(messagesOf(wrong.getSemanticDiagnostics(wrong.getSourceFile(CELL)))).toEqual([
      `${CELL}: Type 'number' is not assignable to type 'string'.`,
    ]);
  });
});
