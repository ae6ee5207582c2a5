import { ConfigError } from "../base/errors";
import { ownModelsDir } from "../hub/models";
import { readNotebook } from "../notebook/notebook-file";
import { listParameters, type Parameters } from "../notebook/parameters";
import type { TerminalProgress } from "./terminal-progress";

/** What the commands that execute notebooks share: values for parameters cells, environment, live lines, lanes, the stop by Ctrl-C. */

/** Which of these values each notebook gets, those its parameters cell declares; and every name that one of them declares. */
export async function shareSettings(
  files: readonly string[],
  given: Parameters,
): Promise<{ settings: ReadonlyMap<string, Parameters>; declared: ReadonlySet<string> }> {
  const settings = new Map<string, Parameters>();
  const declared = new Set<string>();
  for (const file of files) {
    const names = listParameters(await readNotebook(file));
    for (const name of names) declared.add(name);
    const own = Object.entries(given).filter(([name]) => names.includes(name));
    settings.set(file, Object.fromEntries(own));
  }
  return { settings, declared };
}

/**
 * Refuses names that no notebook declares as a parameter.
 *
 * @param where command and option, for the message.
 * @throws ConfigError listing the declared names.
 */
export function assertDeclared(where: string, names: readonly string[], declared: ReadonlySet<string>): void {
  for (const name of names) {
    if (declared.has(name)) continue;
    const known =
      declared.size > 0 ? `Use one of ${[...declared].sort().join(", ")}.` : 'Tag a cell "parameters" first.';
    throw new ConfigError(`${where} must name a parameter of a notebook; got ${name}. ${known}`, {
      name,
      declared: [...declared],
    });
  }
}

/** Where notebooks write their figures and find real data and downloaded models; they run in their own folders, so paths are whole. */
export function notebookEnvironment({
  figuresDir,
  dataDir,
}: {
  readonly figuresDir: string;
  readonly dataDir: string | null;
}): Readonly<Record<string, string>> {
  const models = ownModelsDir();
  return {
    JOMED_FIGURES_DIR: figuresDir,
    ...(dataDir === null ? {} : { JOMED_DATA_DIR: dataDir }),
    ...(models === null ? {} : { JOMED_MODELS_DIR: models }),
  };
}

/** A live line: the notebook, its cell, and what that says of its progress. */
export function createNotebookLine(name: string, progress: TerminalProgress) {
  let cell = "";
  const show = (text: string): void =>
    progress.update(name, [name, cell, text].filter((part) => part !== "").join("  "));
  return {
    show,
    enter(position: number, total: number): void {
      cell = `cell ${position}/${total}`;
      show("");
    },
  };
}

/** Works through items in their order, so many at once; after one that says "stop" no further one is begun. */
export async function workInLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<"go on" | "stop">,
): Promise<void> {
  const waiting = [...items];
  let course: "go on" | "stop" = "go on";
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && course === "go on"; item = waiting.shift())
      if ((await work(item)) === "stop") course = "stop";
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Exit code of a command that was stopped by Ctrl-C. */
export const INTERRUPTED = 130;

/** A signal that the first Ctrl-C aborts; the second ends this program at once, and the kernels with it. */
export function listenForStop(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    process.stderr.write("\nstopping after the running step … (again: at once)\n");
    controller.abort();
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}
