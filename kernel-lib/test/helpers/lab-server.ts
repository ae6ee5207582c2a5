import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLabCommand, startLab, waitForServer } from "../../src/cli/lab";
import { findFreePorts } from "../../src/kernel/message";
import { createKernelSpec } from "../../src/notebook/runner";

/**
 * A folder for JUPYTER_PATH that holds the TypeScript kernel as set-up writes it; used only where set-up has written none.
 */
export function kernelSpecFolder(root: string): string {
  const folder = mkdtempSync(join(tmpdir(), "jomed-kernels-"));
  mkdirSync(join(folder, "kernels", "tslab"), { recursive: true });
  const { argv } = createKernelSpec(root, root);
  const spec = { argv, display_name: "TypeScript (kernel-lib)", language: "typescript", interrupt_mode: "message" };
  writeFileSync(join(folder, "kernels", "tslab", "kernel.json"), JSON.stringify(spec));
  return folder;
}

/** A JupyterLab server on a free loopback port, started as `npm run lab` starts it. */
export async function openLab(root: string): Promise<{ base: string; token: string; close(): Promise<void> }> {
  const kernels = kernelSpecFolder(root);
  const [port] = await findFreePorts(1);
  const extra = [`--ServerApp.port=${port}`, "--ServerApp.port_retries=0", "--ServerApp.open_browser=False"];
  const command = createLabCommand(root, extra, { ...process.env, JUPYTER_PATH: kernels });
  const child = startLab(command, root, "ignore");
  const exited = once(child, "exit");
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    rmSync(kernels, { recursive: true, force: true });
  };
  const address = await waitForServer(child, command.runtimeDir);
  if (address === null) {
    if (child.exitCode === null) await close();
    throw new Error("JupyterLab did not start");
  }
  const url = new URL(address);
  return { base: url.origin, token: url.searchParams.get("token")!, close };
}

/** Whether JupyterLab is installed in .venv. */
export function hasLab(root: string): boolean {
  return existsSync(join(root, ".venv", "bin", "jupyter"));
}
