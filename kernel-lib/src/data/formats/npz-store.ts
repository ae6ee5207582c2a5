import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { assertDiskRoom } from "../../base/disk-room";
import { DataError } from "../../base/errors";
import { assertNpySize, type NpyArray, type NpyHead, readNpyHead } from "./npy";
import { openStoredBytes, readStoredBytes } from "./stored-bytes";
import { readZipFile, type ZipFileMember } from "./zip-file";

/** An array of an .npz file whose numbers lie on disk, little-endian, row-major. */
export interface StoredArray extends Pick<NpyArray, "type" | "shape"> {
  /** Some of its bytes, counted from its first number. */
  readonly read: (start: number, length: number) => Uint8Array;
}

const LONGEST_HEAD = 65_536 + 12;

/** Writes a member's numbers to the end of the store. @returns what its header says. */
async function storeMember(member: ZipFileMember, place: string, out: FileHandle): Promise<NpyHead> {
  let head: NpyHead | null = null;
  let held = Buffer.alloc(0);
  let written = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    await out.appendFile(bytes);
    written += bytes.length;
  };
  const begin = async (): Promise<NpyHead> => {
    const found = readNpyHead(held, place);
    await write(held.subarray(found.start));
    return found;
  };
  for await (const piece of member.pieces()) {
    if (head !== null) await write(piece);
    else {
      held = Buffer.concat([held, piece]);
      if (held.length >= LONGEST_HEAD) head = await begin();
    }
  }
  head ??= await begin();
  assertNpySize(head, written, place);
  return head;
}

/**
 * Unpacks an .npz file to a temporary file and leaves its numbers there, so that memory holds only what is asked for. The temporary
 * file goes with the last array that reads from it.
 *
 * @param maxBytes most bytes of all members together.
 * @throws DataError naming file, member, rule and value. EnvironmentError when the disk is full.
 */
export async function storeNpz(path: string, maxBytes: number): Promise<Map<string, StoredArray>> {
  const file = basename(path);
  const folder = await mkdtemp(join(tmpdir(), "jomed-npz-"));
  try {
    const place = join(folder, "numbers");
    const heads = new Map<string, NpyHead & { readonly from: number }>();
    const out = await open(place, "a");
    try {
      for await (const member of readZipFile(path, { maxBytes, maxMemberBytes: maxBytes })) {
        const { name, size } = member;
        if (!name.endsWith(".npy") || heads.has(name.slice(0, -4))) {
          const got = name.endsWith(".npy") ? `"${name}" twice` : `"${name}"`;
          const next = "Save it with numpy.savez_compressed.";
          throw new DataError(`storeNpz: ${file} must hold .npy members only, each once; got ${got}. ${next}`, {
            file,
            name,
          });
        }
        assertDiskRoom("storeNpz", folder, size, "name another temporary folder in TMPDIR");
        const { size: from } = await out.stat();
        heads.set(name.slice(0, -4), { ...(await storeMember(member, `${file}, member ${name}`, out)), from });
      }
    } finally {
      await out.close();
    }
    return openArrays(place, heads);
  } finally {
    await rm(folder, { recursive: true, force: true }); // an open file stays readable after its name is gone
  }
}

function openArrays(place: string, heads: ReadonlyMap<string, NpyHead & { readonly from: number }>) {
  const store = openStoredBytes(place);
  const arrays = new Map<string, StoredArray>();
  for (const [name, { type, shape, from, size }] of heads) {
    const read = (start: number, length: number): Uint8Array => {
      const bytes = start + length > size ? null : readStoredBytes(store, from + start, length);
      if (bytes !== null) return new Uint8Array(bytes.buffer);
      throw new DataError(
        `storeNpz: array ${name} must hold bytes ${start} to ${start + length}; got fewer. Load it again.`,
      );
    };
    arrays.set(name, { type, shape, read });
  }
  return arrays;
}
