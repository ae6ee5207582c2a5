import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { repositoryRoot } from "../../../src/base/paths";

/** Builds a program of the tests as one file, which Node runs by itself. It lies below the repository, where it finds its packages. */
export async function buildChild(entry: string): Promise<{ readonly file: string; dispose(): void }> {
  mkdirSync(join(repositoryRoot(), ".setup"), { recursive: true });
  const folder = mkdtempSync(join(repositoryRoot(), ".setup", "child-"));
  const output = { format: "cjs", entryFileNames: "child.cjs" } as const;
  await build({
    configFile: false,
    logLevel: "silent",
    build: { ssr: entry, outDir: folder, rollupOptions: { output } },
  });
  return { file: join(folder, "child.cjs"), dispose: () => rmSync(folder, { recursive: true, force: true }) };
}
