// Widgets of a notebook, drawn by the extensions jupyterlab_widgets and anywidget.
export {
  box,
  button,
  choice,
  note,
  type OwnWidgetOptions,
  ownWidget,
  type PlainWidget,
  progress,
  type SliderOptions,
  slider,
  text,
  toggle,
  type ValueWidget,
} from "./controls";
export { type ExploreCasesOptions, exploreCases } from "./explore-cases";
export { type Control, type ControlValues, interact, output } from "./interact";
export type { WidgetModel, WidgetState } from "./model";
