import * as fc from "fast-check";
import { decodePicture } from "../../src/data/formats/picture-file";
import { farthest, formatOf } from "./format";

const size = { width: fc.integer({ min: 1, max: 20 }), height: fc.integer({ min: 1, max: 20 }), seed: fc.nat(2 ** 31) };

/** What Pillow writes of each mode, and with what. */
const WAYS: readonly (readonly [format: string, modes: readonly string[], options: readonly object[]])[] = [
  ["PNG", ["1", "L", "LA", "P", "RGB", "RGBA"], [{}, { optimize: true }, { compress_level: 0 }]],
  [
    "JPEG",
    ["L", "RGB", "CMYK"],
    [
      { quality: 95, subsampling: 0 },
      { quality: 95, subsampling: 0, progressive: true },
    ],
  ],
  ["GIF", ["1", "L", "P", "RGB"], [{}, { interlace: 0 }]],
  ["WEBP", ["L", "RGB", "RGBA"], [{ lossless: true }, { lossless: true, exact: true }]],
  ["TIFF", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"], [{}, { compression: "tiff_lzw" }]],
  ["TIFF", ["L", "P", "RGB"], [{ compression: "tiff_adobe_deflate" }, { compression: "packbits" }]],
  ["TIFF", ["1"], [{ compression: "group4" }, { compression: "group3" }]],
  ["TIFF", ["L", "RGB"], [{ compression: "jpeg", quality: 95 }]],
];

const byPillow = fc
  .constantFrom(...WAYS)
  .chain(([format, modes, options]) =>
    fc.record({
      ...size,
      kind: fc.constant("pillow" as const),
      format: fc.constant(format),
      mode: fc.constantFrom(...modes),
      options: fc.constantFrom(...options),
      colours: fc.integer({ min: 2, max: 256 }),
      way: fc.option(fc.integer({ min: 1, max: 8 }), { freq: 2 }),
      transparent: fc.option(fc.nat(3), { freq: 2 }),
      profile: fc.boolean(),
    }),
  )
  .map((spec) => (spec.format === "GIF" ? { ...spec, way: null } : spec));

const samples = {
  ...size,
  samples: fc.constantFrom("grey", "grey-alpha", "colour", "colour-alpha"),
  extra: fc.boolean(),
};
const depthAndBits = fc.constantFrom(1, 2, 4, 8, 16, 16).chain((depth) =>
  fc.record({
    depth: fc.constant(depth),
    bits: depth === 16 ? fc.constantFrom(8, 9, 10, 12, 14, 15, 16) : fc.constant(depth),
  }),
);
const png = fc
  .tuple(fc.record({ ...samples, kind: fc.constant("png" as const) }), depthAndBits)
  .map(([spec, form]) => ({ ...spec, ...form, samples: form.depth < 8 ? "grey" : spec.samples }));
const tiff = fc
  .tuple(fc.record({ ...samples, kind: fc.constant("tiff" as const), whiteIsZero: fc.boolean() }), depthAndBits)
  .map(([spec, form]) => ({ ...spec, depth: form.depth === 16 ? 16 : 8, bits: form.depth === 16 ? form.bits : 8 }));

const specs = fc.oneof(
  { weight: 3, arbitrary: byPillow },
  { weight: 2, arbitrary: png },
  { weight: 1, arbitrary: tiff },
);

type Spec = typeof specs extends fc.Arbitrary<infer Each> ? Each : never;
interface Answer {
  readonly width: number;
  readonly height: number;
  readonly lossy: boolean;
  readonly levels: readonly number[];
}

export const PICTURE = formatOf<Spec, Answer>({
  name: "picture",
  specs,
  compare: async ({ spec, files, answer }) => {
    const { width, height, channels, data } = await decodePicture(files.get("picture")!, 64);
    if (width !== answer.width || height !== answer.height) return `${width} x ${height}`;
    const rgb =
      channels === 3 ? data : Uint8Array.from({ length: 3 * data.length }, (_, at) => data[Math.floor(at / 3)]!);
    // lossy files differ by a few levels, mixtures with white by what the decoder rounds twice
    return farthest(
      rgb,
      answer.levels,
      answer.lossy ? 4 : "samples" in spec && spec.samples.endsWith("alpha") ? 2 : 1.01,
    );
  },
});
