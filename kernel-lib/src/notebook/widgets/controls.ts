import { assertFinite } from "../../base/check";
import { ConfigError } from "../../base/errors";
import { WidgetModel, type WidgetState } from "./model";

/** Widgets of Jupyter's own controls, with values of their TypeScript type. */

const CONTROLS = "@jupyter-widgets/controls";
const BASE = "@jupyter-widgets/base";
const VERSION = "2.0.0";

/** A widget with a value that the reader of the notebook and the code both may change. */
export interface ValueWidget<T> {
  value: T;
  /** Called with every new value, whoever changed it; the result ends it. */
  onChange(listener: (value: T) => void): () => void;
  /** Takes it from every view. */
  close(): void;
  readonly model: WidgetModel;
  toMime(): WidgetState;
}

/** A widget without a value. */
export interface PlainWidget {
  close(): void;
  readonly model: WidgetModel;
  toMime(): WidgetState | Promise<WidgetState>;
}

function layoutReference(): string {
  const names = { _model_module: BASE, _model_module_version: VERSION, _model_name: "LayoutModel" };
  const view = { _view_module: BASE, _view_module_version: VERSION, _view_name: "LayoutView" };
  return new WidgetModel({ ...names, ...view }).reference;
}

function styleReference(name: string): string {
  const names = { _model_module: CONTROLS, _model_module_version: VERSION, _model_name: `${name}StyleModel` };
  const view = { _view_module: BASE, _view_module_version: VERSION, _view_name: "StyleView" };
  return new WidgetModel({ ...names, ...view }).reference;
}

/** The state that Jupyter's front ends want of a control with this name. */
export function controlState(name: string, style: string | null, state: WidgetState): WidgetState {
  return {
    _dom_classes: [],
    _model_module: CONTROLS,
    _model_module_version: VERSION,
    _model_name: `${name}Model`,
    _view_count: null,
    _view_module: CONTROLS,
    _view_module_version: VERSION,
    _view_name: `${name}View`,
    layout: layoutReference(),
    tabbable: null,
    tooltip: null,
    ...(style === null ? {} : { style: styleReference(style), disabled: false }),
    ...state,
  };
}

const described = (label: string): WidgetState => ({ description: label, description_allow_html: false });

/** A typed view of one field of a model. */
export function valueWidget<T>(
  model: WidgetModel,
  field: string,
  read: (raw: unknown) => T,
  write: (value: T) => unknown,
): ValueWidget<T> {
  return {
    model,
    get value() {
      return read(model.get(field));
    },
    set value(value: T) {
      model.set({ [field]: write(value) });
    },
    onChange: (listener) => model.onChange(field, (raw) => listener(read(raw))),
    close: () => model.close(),
    toMime: () => model.toMime(),
  };
}

export interface SliderOptions {
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly value?: number;
  readonly label?: string;
}

/**
 * A slider over numbers. Defaults: 0 to 1, step 0.01, in the middle.
 *
 * @throws ConfigError when the numbers do not fit each other.
 */
export function slider({ min = 0, max = 1, step = 0.01, value, label = "" }: SliderOptions = {}): ValueWidget<number> {
  const start = value ?? min + (max - min) / 2;
  assertFinite("slider: min, max, step, value", [min, max, step, start]);
  if (!(min < max && step > 0 && start >= min && start <= max))
    throw new ConfigError(
      `slider: min < max, step > 0 and min <= value <= max must hold; got ${min}, ${max}, ${step}, ${start}.`,
      { min, max, step, value: start },
    );
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step))));
  const numbers = { min, max, step, value: start, readout: true, readout_format: `.${digits}f` };
  const looks = { orientation: "horizontal", continuous_update: true, behavior: "drag-tap" };
  const model = new WidgetModel(controlState("FloatSlider", "Slider", { ...described(label), ...numbers, ...looks }));
  return valueWidget(model, "value", Number, (next) => next);
}

/** A check box. */
export function toggle({
  value = false,
  label = "",
}: {
  readonly value?: boolean;
  readonly label?: string;
} = {}): ValueWidget<boolean> {
  const state = { ...described(label), value, indent: false };
  return valueWidget(new WidgetModel(controlState("Checkbox", "Checkbox", state)), "value", Boolean, (next) => next);
}

/** A line of text. */
export function text({
  value = "",
  label = "",
}: {
  readonly value?: string;
  readonly label?: string;
} = {}): ValueWidget<string> {
  const state = { ...described(label), value, placeholder: "\u200b", continuous_update: true };
  return valueWidget(new WidgetModel(controlState("Text", "Text", state)), "value", String, (next) => next);
}

/** Words that only the code changes. */
export function note(value = ""): ValueWidget<string> {
  const state = { ...described(""), value, placeholder: "\u200b" };
  return valueWidget(new WidgetModel(controlState("Label", "Label", state)), "value", String, (next) => next);
}

/**
 * One of several values. Default: the first.
 *
 * @throws ConfigError without options, or when the value is none of them.
 */
export function choice<T extends string | number>(
  options: readonly T[],
  { value, label = "" }: { readonly value?: T; readonly label?: string } = {},
): ValueWidget<T> {
  if (options.length === 0) throw new ConfigError("choice: options must hold at least one value; got none.");
  const place = (wanted: T): number => {
    const index = options.indexOf(wanted);
    if (index >= 0) return index;
    throw new ConfigError(`choice: value must be one of ${options.join(", ")}; got ${wanted}.`, { value: wanted });
  };
  const state = { ...described(label), _options_labels: options.map(String), index: place(value ?? options[0]!) };
  const model = new WidgetModel(controlState("Dropdown", "Description", state));
  return valueWidget(model, "index", (index) => options[Number(index)]!, place);
}

/** A button; the function is called at every click. */
export function button(label: string, onClick: () => void): PlainWidget {
  const state = { description: label, button_style: "", icon: "" };
  const model = new WidgetModel(controlState("Button", "Button", state));
  model.onMessage((content) => {
    if ((content as { event?: unknown } | null)?.event === "click") onClick();
  });
  return { model, close: () => model.close(), toMime: () => model.toMime() };
}

/** A bar that the code moves. Defaults: 0 to 1. */
export function progress({
  max = 1,
  value = 0,
  label = "",
}: {
  readonly max?: number;
  readonly value?: number;
  readonly label?: string;
} = {}): ValueWidget<number> {
  const bar = { min: 0, max, value, bar_style: "", orientation: "horizontal" };
  const state = { ...described(label), ...bar, _view_name: "ProgressView" };
  return valueWidget(
    new WidgetModel(controlState("FloatProgress", "Progress", state)),
    "value",
    Number,
    (next) => next,
  );
}

/** Widgets below each other ("column") or side by side ("row"). */
export function box(children: readonly PlainWidget[], direction: "column" | "row" = "column"): PlainWidget {
  const state = { children: children.map(({ model }) => model.reference), box_style: "" };
  const model = new WidgetModel(controlState(direction === "column" ? "VBox" : "HBox", null, state));
  return { model, close: () => model.close(), toMime: () => model.toMime() };
}

export interface OwnWidgetOptions<S extends WidgetState> {
  /** A JavaScript module as text: \`export default { render({ model, el }) { … } }\`, as anywidget takes it. */
  readonly esm: string;
  readonly css?: string;
  /** What both sides see and change; typed arrays travel as bytes. */
  readonly state: S;
}

/** A view of one's own, drawn by the front end's anywidget extension. */
export function ownWidget<S extends WidgetState>({
  esm,
  css = "",
  state,
}: OwnWidgetOptions<S>): {
  readonly model: WidgetModel;
  get<K extends keyof S & string>(name: K): S[K];
  set(changes: Partial<S>): void;
  onChange<K extends keyof S & string>(name: K, listener: (value: S[K]) => void): () => void;
  close(): void;
  toMime(): WidgetState;
} {
  const anywidget = { _model_module: "anywidget", _model_module_version: "~0.11.0", _model_name: "AnyModel" };
  const view = { _view_module: "anywidget", _view_module_version: "~0.11.0", _view_name: "AnyView", _view_count: null };
  const model = new WidgetModel({
    ...anywidget,
    ...view,
    _dom_classes: [],
    _esm: esm,
    _css: css,
    layout: layoutReference(),
    ...state,
  });
  return {
    model,
    get: (name) => model.get(name) as S[typeof name],
    set: (changes) => model.set(changes),
    onChange: (name, listener) => model.onChange(name, (value) => listener(value as S[typeof name])),
    close: () => model.close(),
    toMime: () => model.toMime(),
  };
}
