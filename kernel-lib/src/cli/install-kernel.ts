import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ConfigError, isKernelError } from "../base/errors";

/** `npx kernel-lib install-kernel`: makes the TypeScript kernel known to every Jupyter of a user or of an environment. */

type Environment = Readonly<Record<string, string | undefined>>;

const USAGE = `npx kernel-lib install-kernel [--user | --prefix <folder>] [--name <name>]
  --user            for this user (default): Jupyter's folder of data
  --prefix <folder> for one environment, such as a virtual environment of Python
  --name <name>     name of the kernel spec (default: kernel-lib)
`;

/** What front ends show for the kernel. */
const LOGO = join(__dirname, "..", "..", "kernelspec", "logo-svg.svg");

/** Jupyter's folder of data for this user. */
function userFolder(env: Environment): string {
  if (env["JUPYTER_DATA_DIR"]) return env["JUPYTER_DATA_DIR"];
  if (process.platform === "darwin") return join(homedir(), "Library", "Jupyter");
  return join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "jupyter");
}

/** What the command line asks for. */
interface InstallOptions {
  readonly folder: string;
  readonly name: string;
}

/** @throws ConfigError when an option is unknown or lacks its value. */
export function parseInstall(argv: readonly string[], env: Environment): InstallOptions {
  const rest = [...argv];
  let [folder, name] = [userFolder(env), "kernel-lib"];
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    if (option === "--user") continue;
    const value = rest.shift();
    if (value === undefined || !["--prefix", "--name"].includes(option))
      throw new ConfigError(`install-kernel: options must be as below; got ${option}.\n${USAGE}`, { option });
    if (option === "--prefix") folder = join(resolve(value), "share", "jupyter");
    else name = value;
  }
  if (!/^[\w.-]+$/.test(name))
    throw new ConfigError(`install-kernel: --name must be of letters, digits, "-", "." and "_"; got ${name}.`, {
      name,
    });
  return { folder, name };
}

/** Writes the kernel spec; returns its folder. */
export function installKernel({ folder, name }: InstallOptions): string {
  const place = join(folder, "kernels", name);
  const spec = {
    argv: [process.execPath, join(__dirname, "..", "kernel", "serve", "main.js"), "{connection_file}"],
    display_name: "TypeScript (kernel-lib)",
    language: "typescript",
    interrupt_mode: "message",
  };
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "kernel.json"), `${JSON.stringify(spec, null, 2)}\n`);
  copyFileSync(LOGO, join(place, "logo-svg.svg"));
  return place;
}

/** @returns the exit code. */
export function main(argv: readonly string[], env: Environment): number {
  const [command, ...options] = argv;
  try {
    if (command !== "install-kernel") {
      process.stderr.write(USAGE);
      return command === undefined || command === "--help" ? 0 : 1;
    }
    process.stdout.write(`Installed the TypeScript kernel in ${installKernel(parseInstall(options, env))}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${isKernelError(error) ? error.message : String(error)}\n`);
    return 1;
  }
}
