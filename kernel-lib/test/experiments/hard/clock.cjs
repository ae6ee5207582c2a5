// Preloaded into a program of the tests: a clock that jumps by up to a year, back and forth, every few readings. performance.now is left alone.
const { now } = Date;
const YEAR_MS = 365 * 86_400_000;
let [readings, offset] = [0, 0];
Date.now = () => {
  readings++;
  if (readings % 7 === 0) offset = ((readings * 7919) % 2001) / 1000 - 1;
  return Math.round(now() + offset * YEAR_MS);
};
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now());
    else super(...parts);
  }
};
