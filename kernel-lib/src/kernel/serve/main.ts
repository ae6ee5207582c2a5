import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isProcessAlive } from "../../base/check";
import type { ConnectionInfo } from "../message";
import { Kernel } from "./kernel";

/**
 * The TypeScript kernel as a Jupyter front end starts it: `node main.js <connection file>`. This process owns the sockets and
 * answers; the cells run in a process of their own. Further arguments are allowed and mean nothing.
 */

const PARENT_EVERY_MS = 1000;
const FAREWELL_MS = 1000;

function readConnection(argv: readonly string[]): ConnectionInfo {
  const file = argv.find((argument) => argument.endsWith(".json")) ?? argv[0];
  if (file === undefined) {
    process.stderr.write(
      "kernel-lib: the connection file must be the argument; got none. A Jupyter front end passes it.\n",
    );
    process.exit(2);
  }
  return JSON.parse(readFileSync(file, "utf8")) as ConnectionInfo;
}

function libraryVersion(): string {
  const manifest = join(__dirname, "..", "..", "..", "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

async function main(): Promise<void> {
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(0), FAREWELL_MS).unref();
    await kernel.close();
    process.exit(0);
  };
  const kernel = new Kernel(readConnection(process.argv.slice(2)), libraryVersion(), () => void end());
  process.on("SIGINT", () => kernel.interrupt());
  process.on("SIGTERM", () => void end());
  process.on("SIGHUP", () => void end());
  // the program that started it may be killed: nobody could reach the kernel any more
  const parent = Number(process.env["JPY_PARENT_PID"]);
  if (parent > 0 && parent !== process.ppid && !isProcessAlive(parent)) process.exit(0); // killed while the kernel was starting
  if (parent === process.ppid)
    setInterval(() => {
      if (process.ppid !== parent) void end();
    }, PARENT_EVERY_MS).unref();
  await kernel.start();
}

void main();
