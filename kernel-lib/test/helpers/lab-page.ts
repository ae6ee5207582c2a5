import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { repositoryRoot } from "../../src/base/paths";
import { browserProgram, openBrowser, SKIP_REASON } from "./browser";
import { hasLab, openLab } from "./lab-server";

const root = repositoryRoot();
const noLab = hasLab(root) ? null : "JupyterLab is not installed in .venv";

/** Why JupyterLab cannot be opened in a browser here; null where it can. */
export const LAB_MISSING = browserProgram === null ? SKIP_REASON : noLab;

/** The name of a group of tests in JupyterLab; says why they are skipped where they are. */
export const inLab = (what: string): string =>
  `${what} in JupyterLab${LAB_MISSING === null ? "" : ` (skipped: ${LAB_MISSING})`}`;

/** A browser, and a JupyterLab with a folder of notebooks of the test's own. */
export interface LabPage {
  readonly browser: Awaited<ReturnType<typeof openBrowser>>;
  /** The address of a notebook of the folder. */
  addressOf(notebook: string): string;
  close(): Promise<void>;
}

/** Opens both. @param fill writes the notebooks. */
export async function openLabPage(name: string, fill: (folder: string) => unknown): Promise<LabPage> {
  const reports = join(root, "data", "artifacts", "reports");
  mkdirSync(reports, { recursive: true });
  const folder = mkdtempSync(join(reports, `${name}-test-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await fill(folder);
    const [lab, browser] = await Promise.all([openLab(root), openBrowser()]);
    return {
      browser,
      addressOf: (notebook) => `${lab.base}/lab/tree/${relative(root, folder)}/${notebook}?token=${lab.token}`,
      close: async () => {
        await Promise.all([browser.close(), lab.close()]);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
