import { createHash } from "node:crypto";
import type { MessageContent } from "../kernel/message";
import { cleanValue } from "./collect-outputs";
import type { Cell, MimeBundle, Notebook } from "./notebook-file";

/**
 * The widgets that a run of a notebook has made, as Jupyter stores them in its metadata: nbconvert's HTML draws them from there.
 * Only what an output shows is kept, under names that are the same in every run.
 */

const STATE_MIME = "application/vnd.jupyter.widget-state+json";
const VIEW_MIME = "application/vnd.jupyter.widget-view+json";
const REFERENCE = "IPY_MODEL_";
const MODEL_ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b/g;

type Path = readonly (string | number)[];

interface StoredBuffer {
  readonly encoding: "base64";
  readonly path: Path;
  readonly data: string;
}

interface StoredModel {
  readonly model_name: unknown;
  readonly model_module: unknown;
  readonly model_module_version: unknown;
  readonly state: MimeBundle;
  readonly buffers?: readonly StoredBuffer[];
}

/** The bytes of a state, which travel beside it, by the fields they belong to. */
function storedBuffers(data: MessageContent, buffers: readonly Uint8Array[]): StoredBuffer[] {
  const paths = (data["buffer_paths"] ?? []) as Path[];
  return paths.map((path, i) => ({
    encoding: "base64",
    path,
    data: Buffer.from(buffers[i] ?? []).toString("base64"),
  }));
}

/** A model after its state was opened or changed; bytes of fields that are new are replaced. */
function changedModel(
  before: StoredModel | undefined,
  data: MessageContent,
  bytes: readonly Uint8Array[],
): StoredModel {
  const changes = (data["state"] ?? {}) as MimeBundle;
  const state = { ...before?.state, ...changes };
  const kept = before?.buffers?.filter(({ path }) => !(String(path[0]) in changes)) ?? [];
  const buffers = [...kept, ...storedBuffers(data, bytes)];
  return {
    model_name: state["_model_name"],
    model_module: state["_model_module"],
    model_module_version: state["_model_module_version"],
    state,
    ...(buffers.length > 0 ? { buffers } : {}),
  };
}

/** Names of models that a value speaks of, in order. */
function referencesIn(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith(REFERENCE) ? [value.slice(REFERENCE.length)] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(referencesIn);
}

/** Models that the outputs of cells show. */
function shownModels(cells: readonly Cell[]): string[] {
  return cells.flatMap((cell) =>
    (cell.cell_type === "code" ? cell.outputs : []).flatMap((output) => {
      const view = "data" in output ? (output.data[VIEW_MIME] as { model_id?: unknown } | undefined) : undefined;
      return typeof view?.model_id === "string" ? [view.model_id] : [];
    }),
  );
}

const stableName = (index: number): string => createHash("sha256").update(`widget ${index}`).digest("hex").slice(0, 32);

/** Follows the messages of widgets. */
export class WidgetStates {
  private readonly models: Map<string, StoredModel>;

  /** @param notebook what it has stored of an earlier run: cells that are not executed may still show it. */
  constructor(notebook: Notebook) {
    const stored = (notebook.metadata["widgets"] ?? {}) as Record<string, { state?: Record<string, StoredModel> }>;
    this.models = new Map(Object.entries(stored[STATE_MIME]?.state ?? {}));
  }

  /** Takes one published message; those that are not about widgets mean nothing. */
  add(type: string, content: MessageContent, buffers: readonly Uint8Array[]): void {
    const id = String(content["comm_id"]);
    const data = (content["data"] ?? {}) as MessageContent;
    if (type === "comm_open" && content["target_name"] === "jupyter.widget")
      this.models.set(id, changedModel(undefined, data, buffers));
    else if (type === "comm_close") this.models.delete(id);
    else if (type === "comm_msg" && this.models.has(id) && data["state"] !== undefined)
      this.models.set(id, changedModel(this.models.get(id), data, buffers));
  }

  /** The models that the cells show and all they consist of, in the order in which they are met. */
  private needed(cells: readonly Cell[]): Map<string, StoredModel> {
    const found = new Map<string, StoredModel>();
    const visit = (id: string): void => {
      const model = this.models.get(id);
      if (model === undefined || found.has(id)) return;
      found.set(id, model);
      for (const other of referencesIn(model.state)) visit(other);
    };
    for (const id of shownModels(cells)) visit(id);
    return found;
  }

  /**
   * The notebook with the widgets that it shows.
   *
   * @param clean takes out what only this machine knows.
   */
  store(notebook: Notebook, clean: (text: string) => string): Notebook {
    const { [STATE_MIME]: _old, ...others } = (notebook.metadata["widgets"] ?? {}) as MimeBundle;
    const needed = this.needed(notebook.cells);
    const names = new Map([...needed.keys()].map((id, index) => [id, stableName(index)]));
    const relabel = (text: string): string => text.replace(MODEL_ID, (id) => names.get(id) ?? id);
    const state = Object.fromEntries(
      [...needed].map(([id, model]) => [names.get(id), cleanValue(model, (text) => relabel(clean(text)))]),
    );
    const kept =
      needed.size === 0 ? others : { ...others, [STATE_MIME]: { state, version_major: 2, version_minor: 0 } };
    const { widgets: _widgets, ...metadata } = notebook.metadata;
    const cells = notebook.cells.map((cell): Cell => {
      if (cell.cell_type !== "code" || names.size === 0) return cell;
      return { ...cell, outputs: cleanValue(cell.outputs, relabel) as typeof cell.outputs };
    });
    return { ...notebook, cells, metadata: Object.keys(kept).length > 0 ? { ...metadata, widgets: kept } : metadata };
  }
}
