import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeCheckout, fakeProgram, place, REPOSITORY } from "./fakes";

/** A machine with Node and npm only; `npm ci` links the packages that are here already. */
function runSetup(root: string) {
  fakeProgram(join(root, "bin"), "npm", `/bin/ln -sfn '${REPOSITORY}/node_modules' node_modules`);
  const end = spawnSync(process.execPath, [join(root, "kernel-lib/setup/main.mjs"), "--then", "say", "--", "a", "b"], {
    cwd: root,
    env: { PATH: join(root, "bin") },
    encoding: "utf8",
  });
  return { code: end.status, lines: end.stdout.trim().split("\n"), err: end.stderr };
}

describe("set-up without Python and compiler", () => {
  it("goes on with wasm, says why and what to install, and runs the command", () => {
    const root = fakeCheckout();
    place(
      root,
      "kernel-lib/src/cli/say.ts",
      "export async function main(words: string[]): Promise<number> {\n  process.stdout.write(words.join('+'));\n  return 7;\n}\n",
    );
    const first = runSetup(root);
    expect(first.err).toBe("");
    expect(first.code).toBe(7);
    expect(first.lines.at(-2)).toMatch(/^Engine: wasm: no Python was found\. Install Python 3\.10/);
    expect(first.lines.at(-1)).toBe("a+b");
    expect(first.lines.join("\n")).toMatch(
      /Left out: no C\+\+ compiler was found; all search is exact, in JavaScript\./,
    );
    expect(JSON.parse(readFileSync(join(root, ".setup/engine.json"), "utf8"))).toMatchObject({ backend: "wasm" });
    expect(existsSync(join(root, "kernel-lib/dist/index.d.ts"))).toBe(true);

    const second = runSetup(root);
    expect(second.code).toBe(7);
    expect(second.lines[0]).toMatch(/^Set-up: everything is up to date/);
  });
});
