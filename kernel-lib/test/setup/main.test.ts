import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fakeCheckout, fakeProgram, place } from "./fakes";

/** Runs set-up in a checkout with a fake npm (and nothing else) on PATH. */
function runSetup(root: string, npm: string, parameters: readonly string[] = [], user?: number) {
  fakeProgram(join(root, "bin"), "npm", npm);
  const end = spawnSync(process.execPath, [...parameters, join(root, "kernel-lib/setup/main.mjs")], {
    cwd: root,
    env: { PATH: join(root, "bin") },
    encoding: "utf8",
    ...(user === undefined ? {} : { uid: user }),
  });
  return { code: end.status, out: end.stdout, err: end.stderr };
}

const NO_STACK = /^(?![\s\S]*\n\s+at )/;

describe("npm run setup says what is wrong, without a stack trace", () => {
  it("on a Node that is too old", () => {
    const root = fakeCheckout();
    const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });";
    const end = runSetup(root, "exit 0", ["--require", place(root, "old.cjs", old)]);
    expect(end).toMatchObject({ code: 1, out: "" });
    expect(end.err).toMatch(/^Set-up stopped at "Node": Node 18.20.8 is too old.*20\.19/);
    expect(end.err).toMatch(NO_STACK);
  });

  it.each([
    ["on a full disk", "npm error code ENOSPC", "the disk is full"],
    ["without a network", "npm error code ENOTFOUND", "the network cannot be reached"],
    ["when npm fails in another way", "npm error code EUSAGE", "npm ci failed.\nnpm error code EUSAGE"],
  ])("%s", (_, says, cause) => {
    const end = runSetup(fakeCheckout(), `echo '${says}' >&2; exit 1`);
    expect(end.code).toBe(1);
    expect(end.err).toContain(`Set-up stopped at "npm packages": ${cause}`);
    expect(end.err).toMatch(NO_STACK);
  });

  it.runIf(process.getuid?.() === 0)("in a folder that cannot be written", () => {
    const end = runSetup(fakeCheckout(), "exit 0", [], 65534);
    expect(end.code).toBe(1);
    expect(end.err).toContain("a folder cannot be written");
    expect(end.err).toMatch(NO_STACK);
  });
});
