// Writes an archive in the form of MedMNIST+, piece by piece, so that it may be larger than memory.

import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { crc32, createDeflateRaw } from "node:zlib";

/** Bytes of an .npy header for unsigned bytes of this shape. */
function npyHead(shape) {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${list}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10, 0);
  head.write("\x93NUMPY", "latin1");
  head[6] = 1;
  head.writeUInt16LE(length, 8);
  return Buffer.concat([head, Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1")]);
}

/** Byte p of picture i: a pattern that tells both. */
export const byteAt = (i, p) => (i * 31 + p * 7 + (p >> 8)) % 251;

function* picturePieces(count, size) {
  for (let i = 0; i < count; i++) yield Buffer.from(Uint8Array.from({ length: size }, (_, p) => byteAt(i, p)));
}

function* withHead(head, pieces) {
  yield head;
  yield* pieces;
}

/** `splits`: number of pictures by prefix (train, val, test). Labels are i mod `labels`. */
export async function writeMedMnistArchive(path, { splits, axes, labels }) {
  const size = axes.reduce((product, n) => product * n, 1);
  const file = openSync(path, "w");
  let at = 0;
  const put = (bytes) => {
    writeSync(file, bytes, 0, bytes.length, at);
    at += bytes.length;
  };
  const directory = [];
  for (const [prefix, count] of Object.entries(splits)) {
    const members = [
      [`${prefix}_images.npy`, [count, ...axes], picturePieces(count, size)],
      [`${prefix}_labels.npy`, [count, 1], [Buffer.from(Uint8Array.from({ length: count }, (_, i) => i % labels))]],
    ];
    for (const [name, shape, pieces] of members) {
      const offset = at;
      const local = Buffer.alloc(30);
      put(Buffer.concat([local, Buffer.from(name)]));
      const start = at;
      const packer = createDeflateRaw({ level: 1 });
      packer.on("data", put);
      let [length, sum] = [0, 0];
      for (const piece of withHead(npyHead(shape), pieces)) {
        length += piece.length;
        sum = crc32(piece, sum);
        if (!packer.write(piece)) await once(packer, "drain");
      }
      packer.end();
      await once(packer, "end");
      const entry = Buffer.alloc(46);
      local.writeUInt32LE(0x04034b50, 0);
      for (const [buffer, from] of [
        [local, 4],
        [entry, 6],
      ]) {
        buffer.writeUInt16LE(20, from);
        buffer.writeUInt16LE(8, from + 4);
        buffer.writeUInt32LE(sum, from + 10);
        buffer.writeUInt32LE(at - start, from + 14);
        buffer.writeUInt32LE(length, from + 18);
        buffer.writeUInt16LE(name.length, from + 22);
      }
      writeSync(file, local, 0, 30, offset);
      entry.writeUInt32LE(0x02014b50, 0);
      entry.writeUInt16LE(20, 4);
      entry.writeUInt32LE(offset, 42);
      directory.push(entry, Buffer.from(name));
    }
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(directory.length / 2, 8);
  end.writeUInt16LE(directory.length / 2, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  put(Buffer.concat([list, end]));
  closeSync(file);
}
