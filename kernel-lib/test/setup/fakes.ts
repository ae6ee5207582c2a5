import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";

export const REPOSITORY = resolve(__dirname, "../../..");

/** An empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "jomed-setup-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file with the folders it needs. */
export function place(root: string, path: string, text = ""): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

/** A shell script that stands for a program: `place` on PATH to be found by set-up. */
export function fakeProgram(folder: string, name: string, script: string): void {
  chmodSync(place(folder, name, `#!/bin/sh\n${script}\n`), 0o755);
}

/** A checkout with nothing but what set-up reads first: manifests, lock, requirements and set-up itself. */
export function fakeCheckout(): string {
  const root = temporaryFolder();
  const files = ["package.json", "package-lock.json", "tsconfig.json", "requirements.txt", "requirements-pins.txt"];
  const library = ["package.json", "tsconfig.json", "setup", "native", "kernelspec", "papermill"];
  for (const path of [...files, "requirements-tensorflow.txt", ...library.map((name) => `kernel-lib/${name}`)]) {
    cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
  }
  place(root, "kernel-lib/src/index.ts", "export const answer = 42;\n");
  return root;
}

/** What a step is given, with these folders only on PATH. */
export function fakeContext(root: string, path: string) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  return { root, log, lines, skipped: "keep", env: { PATH: path }, signal: new AbortController().signal };
}
