// Widgets of a notebook, drawn by the extensions jupyterlab_widgets and anywidget.
export {
  box,
  button,
  choice,
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
export { type Control, type ControlValues, interact, output } from "./interact";
export type { WidgetModel, WidgetState } from "./model";
