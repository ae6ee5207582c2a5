import type { ProgressEvent } from "../base/types";

/** Display ids of progress bars start with this; the runner shows them live and does not store them. */
export const PROGRESS_ID = "jomed-progress-";

const BAR_WIDTH = 24;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Seconds as m:ss, or h:mm:ss from one hour on; "?" when unknown. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

function bar(share: number): string {
  const eighths = Math.round(share * BAR_WIDTH * 8);
  const full = Math.floor(eighths / 8);
  return `${"█".repeat(full)}${EIGHTHS[eighths % 8]}`.padEnd(BAR_WIDTH);
}

function rate(stepsPerSecond: number): string {
  if (!Number.isFinite(stepsPerSecond) || stepsPerSecond <= 0) return "?it/s";
  return stepsPerSecond >= 1 ? `${stepsPerSecond.toFixed(1)}it/s` : `${(1 / stepsPerSecond).toFixed(1)}s/it`;
}

/**
 * One line about a step in progress: `tune reader:  45%|███▌   | 45/100 [00:12<00:14, 3.7it/s, loss=0.512]`.
 *
 * @param elapsedSeconds since the stage began.
 * @param doneBefore steps that were already done then (a resumed stage), left out of the rate. Default 0.
 */
export function progressLine(event: ProgressEvent, elapsedSeconds: number, doneBefore = 0): string {
  const { stage, done, total, values = {} } = event;
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const perSecond = elapsedSeconds > 0 ? (done - doneBefore) / elapsedSeconds : 0;
  const left = perSecond > 0 ? (total - done) / perSecond : Number.NaN;
  const shown = Object.entries(values).map(([name, value]) => `${name}=${Number(value.toPrecision(3))}`);
  const facts = [`${formatSeconds(elapsedSeconds)}<${formatSeconds(left)}`, rate(perSecond), ...shown].join(", ");
  return `${stage}: ${String(Math.floor(100 * share)).padStart(3)}%|${bar(share)}| ${done}/${total} [${facts}]`;
}
