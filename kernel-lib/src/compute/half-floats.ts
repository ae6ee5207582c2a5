const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** Widens bfloat16 (the upper half of a float32), into the beginning of `target` if there is one. */
export function fromBfloat16(values: Uint16Array, target = new Float32Array(values.length)): Float32Array {
  const wide = new Uint32Array(target.buffer, target.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) wide[i] = values[i]! << 16;
  return target;
}

/** Rounds to bfloat16, ties to even; NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    word[0] = value;
    const pattern = bits[0]!;
    if (Number.isNaN(value)) return (pattern >>> 16) | 0x40;
    return (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  });
}

/** Widens IEEE half precision, into the beginning of `target` if there is one. */
export function fromFloat16(values: Uint16Array, target = new Float32Array(values.length)): Float32Array {
  for (let i = 0; i < values.length; i++) target[i] = widenHalf(values[i]!);
  return target;
}

function widenHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds to IEEE half precision, ties to even; beyond 65,504 becomes an infinity. */
export function toFloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    word[0] = value;
    const sign = (bits[0]! >>> 16) & 0x8000;
    const size = Math.abs(value);
    if (Number.isNaN(value)) return sign | 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    // one unit in the last place at this size; below 2^-14 the subnormal step
    const exponent = Math.max(((bits[0]! >>> 23) & 255) - 127, -14);
    const steps = roundHalfToEven(size / 2 ** (exponent - 10));
    return sign | (steps + ((exponent + 14) << 10));
  });
}

/** Rounds to the nearest whole number, ties to the even one, as Python's round(). */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
