import * as fc from "fast-check";
import { readDicom, renderDicom } from "../../src/data/formats/dicom/dicom";
import { farthest, formatOf } from "./format";

const decimal = fc.oneof(
  fc.integer({ min: -2000, max: 5000 }).map(String),
  fc.integer({ min: -20_000, max: 50_000 }).map((tenths) => (tenths / 10).toString()),
);
const width = fc.oneof(
  fc.integer({ min: 1, max: 6000 }).map(String),
  fc.integer({ min: 11, max: 60_000 }).map((tenths) => (tenths / 10).toFixed(1)),
);

const table = (depths: readonly number[]) =>
  fc.record({
    count: fc.oneof(fc.integer({ min: 2, max: 600 }), fc.constantFrom(256, 1024, 4096, 65_536)),
    first: fc.integer({ min: -600, max: 3000 }),
    bits: fc.constantFrom(...depths),
    power: fc.constantFrom(0.5, 1, 2.2),
    shape: fc.constantFrom("rising", "falling", "jumping"),
    kind: fc.constantFrom("OW", "US"),
    explained: fc.boolean(),
  });

const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 3 });

/** Grey pictures, whose display is what most files differ in, and some of colour. */
const specs = fc
  .record({
    rows: fc.integer({ min: 1, max: 7 }),
    columns: fc.integer({ min: 1, max: 7 }),
    seed: fc.nat(2 ** 31),
    syntax: fc.constantFrom("explicit", "implicit", "bigEndian", "deflated", "rle"),
    bits: fc.constantFrom(1, 7, 8, 10, 12, 12, 14, 15, 16),
    wide: fc.boolean(),
    signed: fc.boolean(),
    inverted: fc.boolean(),
    spread: fc.constantFrom("full", "narrow"),
    colour: fc.option(fc.constantFrom("RGB", "YBR_FULL", "PALETTE COLOR"), { freq: 6 }),
    planar: fc.boolean(),
    rescale: fc.option(fc.tuple(fc.constantFrom("1", "2", "0.5", "-1", "1.25", "+1.0e0"), decimal), { freq: 2 }),
    modalityTable: rarely(table([8, 16])),
    voiTables: fc.array(table([8, 10, 12, 14, 16]), { maxLength: 2 }),
    windows: fc.array(fc.tuple(decimal, width), { maxLength: 3 }),
    function: rarely(fc.constantFrom("LINEAR", "LINEAR_EXACT", "SIGMOID")),
    padding: rarely(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.option(fc.integer({ min: 0, max: 255 })))),
    frames: rarely(fc.constant(1)),
    excess: fc.constantFrom(0, 0, 0, 2, 64),
    front: fc.constantFrom("whole", "whole", "whole", "group2", "bare"),
  })
  .map((spec) => {
    // what may stand in one file: tables hide windows, colour has 8 bits without sign, numbers without types no sign of their own
    // tables of one byte an entry have another order in big-endian files than pydicom reads them in
    const colour = spec.syntax === "bigEndian" && spec.colour === "PALETTE COLOR" ? null : spec.colour;
    const isColour = colour !== null;
    const bits = isColour ? 8 : spec.bits;
    const signed = spec.signed && !isColour && bits > 1;
    const modalityTable = spec.rescale === null ? spec.modalityTable : null;
    const explicitSigns = spec.syntax !== "implicit";
    const plain = (each: typeof modalityTable) =>
      each === null || explicitSigns ? each : { ...each, first: Math.abs(each.first) };
    return {
      ...spec,
      colour,
      bits,
      signed,
      wide: spec.wide && !isColour,
      modalityTable: plain(modalityTable),
      voiTables: spec.voiTables.map((each) => plain(each)!),
    };
  });

type DicomSpec = typeof specs extends fc.Arbitrary<infer Spec> ? Spec : never;

/** Half a level, for rounding; colours computed from brightness and differences may be one off. */
const toleranceOf = ({ colour }: DicomSpec): number => (colour === "YBR_FULL" ? 1.001 : 0.502);

export const DICOM = formatOf<DicomSpec, { readonly levels: readonly number[] }>({
  name: "dicom",
  specs,
  compare: async ({ spec, files, answer }) => {
    const picture = renderDicom(await readDicom(files.get("a.dcm")!, "a.dcm"));
    if (picture.height !== spec.rows || picture.width !== spec.columns) return `${picture.width} x ${picture.height}`;
    return farthest(picture.data, answer.levels, toleranceOf(spec));
  },
});
