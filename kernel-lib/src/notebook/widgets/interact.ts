import { ConfigError } from "../../base/errors";
import { present } from "../../kernel/cells/present";
import { showError } from "../../kernel/cells/show-error";
import { kernelHost, type Presented } from "../../kernel/host";
import { writeDisplay } from "../display";
import { PRESENTERS } from "../present-values";
import { PLOTLY_MIME } from "../show";
import { box, choice, controlState, type PlainWidget, slider, text, toggle, type ValueWidget } from "./controls";
import { WidgetModel } from "./model";

/** A function with a control for each of its arguments: what it gives is drawn anew with every change. */

/** A number between two others (and its step), one of several words, a yes or no, a text, or a widget. */
export type Control =
  | readonly [min: number, max: number]
  | readonly [min: number, max: number, step: number]
  | readonly string[]
  | boolean
  | string
  | ValueWidget<unknown>;

type ValueOf<C> =
  C extends ValueWidget<infer T>
    ? T
    : C extends readonly number[]
      ? number
      : C extends readonly (infer W)[]
        ? W
        : C extends boolean
          ? boolean
          : string;

/** The values that the controls give. */
export type ControlValues<C extends Readonly<Record<string, Control>>> = { readonly [K in keyof C]: ValueOf<C[K]> };

function isWidget(control: Control): control is ValueWidget<unknown> {
  return typeof control === "object" && !Array.isArray(control);
}

function createControl(label: string, control: Control): ValueWidget<unknown> {
  if (typeof control === "boolean") return toggle({ value: control, label }) as ValueWidget<unknown>;
  if (typeof control === "string") return text({ value: control, label }) as ValueWidget<unknown>;
  if (isWidget(control)) return control;
  if (control.every((entry) => typeof entry === "string"))
    return choice(control, { label }) as unknown as ValueWidget<unknown>;
  const [min, max, step] = control as readonly number[];
  if (!(min! < max!))
    throw new ConfigError(
      `interact: ${label} must be [min, max], [min, max, step], words, true or false, a text or a widget; got ${JSON.stringify(control)}.`,
      { name: label },
    );
  return slider({ min: min!, max: max!, step: step ?? (max! - min!) / 100, label }) as ValueWidget<unknown>;
}

/** A place for outputs; shows a value and gives the formats it has. */
interface OutputPlace extends PlainWidget {
  show(value: unknown): Promise<Presented["data"]>;
}

/** A place for outputs that can be filled anew. */
export function output(): OutputPlace {
  const module = {
    _model_module: "@jupyter-widgets/output",
    _model_module_version: "1.0.0",
    _model_name: "OutputModel",
  };
  const view = { _view_module: "@jupyter-widgets/output", _view_module_version: "1.0.0", _view_name: "OutputView" };
  const model = new WidgetModel(controlState("", null, { ...module, ...view, msg_id: "", outputs: [] }));
  return {
    model,
    async show(value) {
      const { data, metadata = {} } = await present(value, kernelHost()?.presenters ?? PRESENTERS);
      model.set({ outputs: [{ output_type: "display_data", data, metadata }] });
      return data;
    },
    close: () => model.close(),
    toMime: () => model.toMime(),
  };
}

/** What a viewer without widgets sees: what was drawn first. Plotly's own format is left to those who have widgets. */
function stillFormats(data: Presented["data"]): Presented["data"] {
  const { [PLOTLY_MIME]: _live, ...still } = data;
  return still;
}

/**
 * Controls for the arguments of a function, and what it gives for them: at first and after every change. A change while it
 * still works is taken up when it is done; an error is shown in its place. The cell ends when the first is drawn; where
 * nobody draws widgets (a stored notebook, another kernel) that one is shown.
 *
 * @returns the widget, to be shown as the value of a cell.
 * @throws ConfigError when an argument cannot be made a control.
 * @example kernel.widgets.interact(({ weight }) => kernel.figures.idea(…), { weight: [0, 1, 0.05] })
 */
export function interact<const C extends Readonly<Record<string, Control>>>(
  work: (values: ControlValues<C>) => unknown,
  controls: C,
): PlainWidget {
  const made = Object.entries(controls).map(([name, control]) => [name, createControl(name, control)] as const);
  const place = output();
  const values = (): ControlValues<C> =>
    Object.fromEntries(made.map(([name, { value }]) => [name, value])) as ControlValues<C>;
  const draw = async (): Promise<Presented["data"]> => {
    try {
      return await place.show(await work(values()));
    } catch (error) {
      const { ename, evalue, traceback } = showError(error);
      place.model.set({ outputs: [{ output_type: "error", ename, evalue, traceback }] });
      return { "text/plain": `${ename}: ${evalue}` };
    }
  };
  const redraw = oneAfterTheOther(draw);
  for (const [, widget] of made) widget.onChange(() => void redraw());
  const first = redraw();
  const whole = box([...made.map(([, widget]) => widget), place]);
  const host = kernelHost();
  if (host === null) void first.then((data) => writeDisplay(data));
  else host.hold(first);
  return { ...whole, toMime: async () => ({ ...stillFormats(await first), ...whole.model.view() }) };
}

/** The work, never twice at once: what is asked for while it is done is done once more afterwards. */
function oneAfterTheOther<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    running = work().finally(() => {
      if (next === null) running = null;
    });
    return running;
  };
  return () => {
    if (running === null) return begin();
    next ??= running.then(begin);
    return next;
  };
}
