import { SIDE } from "./thumbnail";

/** Frequencies per axis that a hash looks at. */
const LOW = 8;
/** Values of cos(π (2x + 1) u / 64), [u, x]. */
const COSINES = Float64Array.from({ length: LOW * SIDE }, (_, k) =>
  Math.cos((Math.PI * (2 * (k % SIDE) + 1) * Math.floor(k / SIDE)) / (2 * SIDE)),
);

/** 64 bits in two words. */
export type PerceptualHash = readonly [number, number];

/** The 8 by 8 lowest coefficients of the cosine transform, [v, u]. */
function lowFrequencies(thumbnail: Uint8Array): Float64Array {
  const across = new Float64Array(SIDE * LOW); // [y, u]
  for (let y = 0; y < SIDE; y++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += thumbnail[y * SIDE + x]! * COSINES[u * SIDE + x]!;
      across[y * LOW + u] = sum;
    }
  }
  const low = new Float64Array(LOW * LOW);
  for (let v = 0; v < LOW; v++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += across[y * LOW + u]! * COSINES[v * SIDE + y]!;
      low[v * LOW + u] = sum;
    }
  }
  return low;
}

/**
 * Perceptual hash of a thumbnail: for each of the 63 lowest frequencies but the mean, whether it lies above their median.
 * Brightness and contrast leave it as it is; noise, JPEG and another size change a few bits.
 */
export function perceptualHash(thumbnail: Uint8Array): PerceptualHash {
  const coefficients = lowFrequencies(thumbnail).subarray(1);
  const median = coefficients.slice().sort()[coefficients.length >> 1]!;
  const words: [number, number] = [0, 0];
  coefficients.forEach((value, bit) => {
    if (value > median) words[bit >> 5]! |= 1 << (bit & 31);
  });
  return words;
}

function countBits(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** In how many bits two hashes differ, 0 to 63; of two unrelated pictures, 31 on average. */
export function hashDistance(a: PerceptualHash, b: PerceptualHash): number {
  return countBits(a[0] ^ b[0]) + countBits(a[1] ^ b[1]);
}
