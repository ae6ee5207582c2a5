import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "../../base/errors";
import { assertDiskRoom, openStoredBytes, readStoredBytes, withTemporaryFolder } from "../../store/files";
import { assertNpySize, type NpyArray, type NpyHead, readNpy, readNpyHead, writeNpy } from "./npy";
import { assertFileWithin } from "./text-file";
import { readZip, writeZip, type ZipLimits, type ZipMember } from "./zip";

const DEFAULT_LIMIT = 512 * 2 ** 20;

/** The arrays of an archive, which holds nothing else, each once. No NumPy writes a comment behind it. */
async function* arraysOf(
  path: string,
  limits: Pick<ZipLimits, "maxBytes" | "maxMemberBytes" | "maxRatio">,
): AsyncGenerator<{ readonly name: string; readonly place: string; readonly member: ZipMember }> {
  const file = basename(path);
  const found = new Set<string>();
  for await (const member of readZip(path, { ...limits, maxCommentBytes: 0 })) {
    const isArray = member.name.endsWith(".npy");
    const name = member.name.slice(0, -".npy".length);
    if (!isArray || found.has(name)) {
      const got = `"${member.name}"${isArray ? " twice" : ""}`;
      const next = "Save it with numpy.savez_compressed.";
      throw new DataError(`readNpz: ${file} must hold .npy members only, each once; got ${got}. ${next}`, {
        file,
        member: member.name,
      });
    }
    found.add(name);
    yield { name, place: `${file}, member ${member.name}`, member };
  }
}

/**
 * Reads all arrays of an .npz file. A file larger than the limit is refused before it is read.
 *
 * @param limits.maxBytes most bytes of the file, and of all arrays together. Default 512 MiB.
 * @param limits.maxRatio most bytes out per byte in, for members above 1 MiB. Default 200.
 * @returns array by name, without the ".npy" of the member.
 * @throws DataError naming file, member, rule and value: a missing or too large file, one that is not a sound .npz.
 */
export async function readNpz(
  path: string,
  { maxBytes = DEFAULT_LIMIT, ...limits }: Pick<ZipLimits, "maxBytes" | "maxRatio"> = {},
): Promise<Map<string, NpyArray>> {
  await assertFileWithin(path, maxBytes);
  const arrays = new Map<string, NpyArray>();
  for await (const { name, place, member } of arraysOf(path, { ...limits, maxBytes, maxMemberBytes: maxBytes })) {
    arrays.set(name, readNpy(await member.read(), place));
  }
  return arrays;
}

/** The bytes of an .npz archive; "stored" gives the same bytes on every machine. */
export function formatNpz(arrays: ReadonlyMap<string, NpyArray>, packing: "stored" | "deflated"): Uint8Array {
  return writeZip(new Map([...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)])), packing);
}

/** An array of an .npz file whose numbers lie on disk, little-endian, row-major. */
export interface StoredArray extends Pick<NpyArray, "type" | "shape"> {
  /** Some of its bytes, counted from its first number. */
  readonly read: (start: number, length: number) => Uint8Array;
}

const LONGEST_HEAD = 65_536 + 12;

/** Writes a member's numbers to the end of the store. @returns what its header says. */
async function storeMember(member: ZipMember, place: string, out: FileHandle): Promise<NpyHead> {
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
  return withTemporaryFolder("jomed-npz-", async (folder) => {
    const store = join(folder, "numbers");
    const heads = new Map<string, NpyHead & { readonly from: number }>();
    const out = await open(store, "a");
    try {
      for await (const { name, place, member } of arraysOf(path, { maxBytes, maxMemberBytes: maxBytes })) {
        assertDiskRoom("storeNpz", folder, member.size, "name another temporary folder in TMPDIR");
        const { size: from } = await out.stat();
        heads.set(name, { ...(await storeMember(member, place, out)), from });
      }
    } finally {
      await out.close();
    }
    return openArrays(store, heads); // an open file stays readable after its name is gone
  });
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
