import sharp from "sharp";
import type { RasterImage } from "../../base/types";

/** The bytes of a picture file; the same for the same picture and version of sharp. JPEG keeps all of the colour. */
export async function encodePicture(image: RasterImage, format: "png" | "jpeg"): Promise<Buffer> {
  const { width, height, channels, data } = image;
  const picture = sharp(data, { raw: { width, height, channels } });
  return format === "png"
    ? picture.png({ compressionLevel: 6 }).toBuffer()
    : picture.jpeg({ quality: 92, chromaSubsampling: "4:4:4" }).toBuffer();
}

/** A grey picture to be written as DICOM. */
export interface DicomContent {
  readonly width: number;
  readonly height: number;
  /** Stored values, 0 to 2^bitsStored - 1. */
  readonly values: Uint16Array;
  readonly bitsStored: number;
  readonly photometric: "MONOCHROME1" | "MONOCHROME2";
  readonly window: { readonly center: number; readonly width: number };
  readonly id: string;
}

type Element = readonly [group: number, element: number, vr: string, value: string | number | Uint8Array];

const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1";
/** UIDs below 2.25 may be made up from any number. */
const UID_ROOT = "2.25.";
const LONG_FORM = ["OB", "OW"];

function encodeValue(vr: string, value: Element[3]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number") {
    const bytes = Buffer.alloc(vr === "UL" ? 4 : 2);
    bytes.writeUIntLE(value, 0, bytes.length);
    return bytes;
  }
  // an odd length is padded: UIDs with a zero byte, other texts with a blank
  return Buffer.from(value.length % 2 === 0 ? value : value + (vr === "UI" ? "\0" : " "), "latin1");
}

/** One data element in explicit VR little endian. */
function encodeElement([group, element, vr, value]: Element): Uint8Array {
  const content = encodeValue(vr, value);
  const isLong = LONG_FORM.includes(vr);
  const head = Buffer.alloc(isLong ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(element, 2);
  head.write(vr, 4, "latin1");
  if (isLong) head.writeUInt32LE(content.length, 8);
  else head.writeUInt16LE(content.length, 6);
  return Buffer.concat([head, content]);
}

const encode = (elements: readonly Element[]): Uint8Array => Buffer.concat(elements.map(encodeElement));

/** The bytes of a DICOM Part 10 file with one uncompressed grey frame of 16 bits allocated. */
export function formatDicom(content: DicomContent): Uint8Array {
  const { width, height, values, bitsStored, photometric, window, id } = content;
  const pixels = Buffer.alloc(2 * values.length);
  for (let p = 0; p < values.length; p++) pixels.writeUInt16LE(values[p]!, 2 * p);
  const uid = UID_ROOT + BigInt(`0x${Buffer.from(id).toString("hex").slice(0, 30)}`).toString();
  const meta = encode([
    [0x0002, 0x0001, "OB", Uint8Array.of(0, 1)],
    [0x0002, 0x0002, "UI", DIGITAL_X_RAY],
    [0x0002, 0x0003, "UI", uid],
    [0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN],
    [0x0002, 0x0012, "UI", `${UID_ROOT}1`],
  ]);
  const data = encode([
    [0x0008, 0x0016, "UI", DIGITAL_X_RAY],
    [0x0008, 0x0018, "UI", uid],
    [0x0008, 0x0060, "CS", "DX"],
    [0x0010, 0x0020, "LO", id],
    [0x0028, 0x0002, "US", 1],
    [0x0028, 0x0004, "CS", photometric],
    [0x0028, 0x0010, "US", height],
    [0x0028, 0x0011, "US", width],
    [0x0028, 0x0100, "US", 16],
    [0x0028, 0x0101, "US", bitsStored],
    [0x0028, 0x0102, "US", bitsStored - 1],
    [0x0028, 0x0103, "US", 0],
    [0x0028, 0x1050, "DS", String(window.center)],
    [0x0028, 0x1051, "DS", String(window.width)],
    [0x0028, 0x1052, "DS", "0"],
    [0x0028, 0x1053, "DS", "1"],
    [0x7fe0, 0x0010, "OW", pixels],
  ]);
  const length = encode([[0x0002, 0x0000, "UL", meta.length]]);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), length, meta, data]);
}
