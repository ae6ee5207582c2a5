import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { installKernel, parseInstall } from "../../src/cli/install-kernel";

const folder = mkdtempSync(join(tmpdir(), "install-kernel-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("install-kernel", () => {
  it("writes a spec that Jupyter finds, with a logo", () => {
    const place = installKernel(parseInstall(["--user", "--name", "ts"], { JUPYTER_DATA_DIR: folder }));
    expect(place).toBe(join(folder, "kernels", "ts"));
    const spec = JSON.parse(readFileSync(join(place, "kernel.json"), "utf8"));
    expect(spec).toMatchObject({ language: "typescript", interrupt_mode: "message" });
    expect(spec.argv).toEqual([
      process.execPath,
      expect.stringMatching(/kernel\/serve\/main\.js$/),
      "{connection_file}",
    ]);
    expect(existsSync(join(place, "logo-svg.svg"))).toBe(true);
  });

  it("takes an environment's folder, and refuses what it does not know", () => {
    expect(parseInstall(["--prefix", "/env"], {})).toEqual({ folder: "/env/share/jupyter", name: "kernel-lib" });
    expect(() => parseInstall(["--prefix"], {})).toThrow("options must be as below; got --prefix");
    expect(() => parseInstall(["--system", "x"], {})).toThrow("got --system");
    expect(() => parseInstall(["--name", "a/b"], {})).toThrow("--name must be of letters");
  });
});
