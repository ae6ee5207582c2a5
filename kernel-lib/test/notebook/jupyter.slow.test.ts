import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { readNotebook } from "../../src/notebook/notebook-file";
import { runNotebook } from "../../src/notebook/runner";
import { PLOTLY_MIME } from "../../src/notebook/show";
import { hasLab, kernelSpecFolder } from "../helpers/lab-server";

const root = repositoryRoot();
const python = join(root, ".venv", "bin", "python");
const files = join(import.meta.dirname, "files");

/** Runs the loop in a cell, interrupts it as Jupyter does, prints the reply's status and the seconds it took. */
const INTERRUPT = `
import time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="tslab")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=120)
client.execute_interactive('import * as kernel from "kernel-lib";\\nconst control = kernel.notebookControl();', timeout=120)
client.execute("while (!control.signal!.aborted) await new Promise((next) => setImmediate(next));")
time.sleep(2)
begun = time.monotonic()
manager.interrupt_kernel()
reply = client.get_shell_msg(timeout=60)
print(reply["content"]["status"], time.monotonic() - begun)
client.stop_channels()
manager.shutdown_kernel(now=True)
`;

/** The widgets that a page shows, and their states, as its script tags hold them. */
function widgetsOf(html: string): {
  views: string[];
  state: Record<string, { model_name: string; state: Record<string, unknown> }>;
} {
  const scripts = (type: string): unknown[] =>
    [
      ...html.matchAll(
        new RegExp(`<script type="application/vnd\\.jupyter\\.widget-${type}\\+json">([^]*?)</script>`, "g"),
      ),
    ].map((match) => JSON.parse(match[1]!));
  const [stored] = scripts("state") as { state: ReturnType<typeof widgetsOf>["state"] }[];
  return { views: scripts("view").map((view) => (view as { model_id: string }).model_id), state: stored!.state };
}

describe.skipIf(!hasLab(root))("Jupyter's own programs", () => {
  let out: string;
  let kernels: string;
  const run = (parameters: string[]) =>
    spawnSync(python, parameters, {
      cwd: files,
      encoding: "utf8",
      env: { ...process.env, JUPYTER_PATH: kernels, JUPYTER_PREFER_ENV_PATH: "1", JUPYTER_RUNTIME_DIR: out },
    });
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), "jomed-jupyter-"));
    kernels = kernelSpecFolder(root);
  });
  afterAll(() => {
    for (const folder of [out, kernels]) rmSync(folder, { recursive: true, force: true });
  });

  it("nbconvert executes a notebook", async () => {
    const result = run([
      "-m",
      "jupyter",
      "nbconvert",
      "--to",
      "notebook",
      "--execute",
      "lab.ipynb",
      "--output-dir",
      out,
    ]);
    expect([result.status, result.stderr]).toEqual([0, expect.stringContaining("Writing")]);
    const [figure] = (await readNotebook(join(out, "lab.ipynb"))).cells;
    expect(figure).toMatchObject({
      outputs: [{ output_type: "display_data", data: { [PLOTLY_MIME]: { layout: { title: { text: "Two bars" } } } } }],
    });
  });

  it("nbconvert's HTML shows widgets: executed by nbclient, or by this project's runner", async () => {
    const convert = ["-m", "jupyter", "nbconvert", "--to", "html", "--output-dir", out];
    const executed = run([...convert, "--execute", "widgets.ipynb"]);
    expect(executed.status, executed.stderr).toBe(0);
    const stored = join(out, "stored.ipynb");
    await runNotebook(join(files, "widgets.ipynb"), { output: stored });
    const validated = run(["-c", `import nbformat; nbformat.validate(nbformat.read(${JSON.stringify(stored)}, 4))`]);
    expect([validated.status, run([...convert, stored]).status]).toEqual([0, 0]);
    for (const name of ["widgets.html", "stored.html"]) {
      const { views, state } = widgetsOf(readFileSync(join(out, name), "utf8"));
      expect(views.map((id) => state[id]?.model_name)).toEqual(["FloatSliderModel", "VBoxModel", "AnyModel"]);
      const drawn = Object.values(state).find((model) => model.model_name === "OutputModel");
      expect(drawn?.state).toMatchObject({ outputs: [{ data: { "text/plain": "'doubled 10'" } }] });
      const whole = JSON.stringify(state).match(/IPY_MODEL_[\w-]+/g)!;
      for (const reference of whole) expect(state).toHaveProperty([reference.slice("IPY_MODEL_".length)]);
    }
  });

  it("jupyter's interrupt stops a loop that gives way to events within 2 s", () => {
    const result = run(["-c", INTERRUPT]);
    const [status, seconds] = result.stdout.trim().split(" ");
    expect([status, result.status]).toEqual(["error", 0]);
    expect(Number(seconds)).toBeLessThan(2);
  });
});
