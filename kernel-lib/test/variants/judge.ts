import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Variant } from "./format";

/** What the outside programs say of one line: the file they made and what they read in it, or why they make none. */
export type Verdict =
  | { readonly files: Readonly<Record<string, string>>; readonly answer: unknown }
  | { readonly invalid: string };

/** A variant as it is sent and stored: one line of JSON. */
export const variantOf = (spec: unknown, verdict: Extract<Verdict, { files: unknown }>): Variant<unknown, unknown> => ({
  spec,
  files: new Map(Object.entries(verdict.files).map(([name, content]) => [name, Buffer.from(content, "base64")])),
  answer: verdict.answer,
});

/** The outside programs, in a Python process that stays open. */
export class Judge {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: ((line: string | null) => void)[] = [];

  /** @param python with the packages of reference/requirements.txt. */
  constructor(python: string) {
    const script = join(__dirname, "../reference/variants/judge.py");
    this.#process = spawn(python, [script], { stdio: ["pipe", "pipe", "ignore"] });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#lines.on("line", (line) => this.#waiting.shift()?.(line));
    this.#process.on("error", () => this.#end());
    this.#process.on("close", () => this.#end());
  }

  #end(): void {
    for (const answer of this.#waiting.splice(0)) answer(null);
  }

  async ask(format: string, spec: unknown): Promise<Verdict> {
    const line = await new Promise<string | null>((done) => {
      this.#waiting.push(done);
      this.#process.stdin!.write(`${JSON.stringify({ format, spec })}\n`);
    });
    if (line === null) throw new Error(`The judge ended. Does its Python hold the packages of requirements.txt?`);
    return JSON.parse(line) as Verdict;
  }

  close(): void {
    this.#process.stdin!.end();
    this.#lines.close();
  }
}
