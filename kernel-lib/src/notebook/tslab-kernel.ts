import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EnvironmentError } from "../base/errors";
import type { KernelSpec } from "../kernel/kernel-process";

/**
 * How to start the TypeScript kernel (tslab) for a notebook in this folder. It ends when this process does.
 *
 * @param root folder of the project; tslab and kernel-lib are looked up in its node_modules.
 * @throws EnvironmentError when one of them is missing.
 */
export function tslabSpec(root: string, cwd: string, env: NonNullable<KernelSpec["env"]> = {}): KernelSpec {
  const { resolve } = createRequire(join(root, "package.json"));
  const find = (name: string, file: string): string => {
    try {
      const path = join(dirname(resolve(`${name}/package.json`)), file);
      if (existsSync(path)) return path;
    } catch {
      // not installed: said below
    }
    throw new EnvironmentError(`tslabSpec: ${name}/${file} must exist; it does not. Run npm run setup.`, {
      name,
      file,
    });
  };
  const preload = find("kernel-lib", "dist/notebook/tslab-fixes.js");
  const program = find("tslab", "bin/tslab");
  return {
    name: "tslab",
    argv: [process.execPath, "--require", preload, program, "kernel", "--config-path", "{connection_file}"],
    cwd,
    env: { ...env, JPY_PARENT_PID: String(process.pid), NO_COLOR: "1", FORCE_COLOR: undefined },
  };
}
