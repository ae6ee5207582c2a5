import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type FolderDraft,
  type FolderPlace,
  findFolder,
  type KeepFolderOptions,
  keepFolder,
  lockFileOf,
  placeFolder,
  readManifest,
  workFolderOf,
} from "../../src/store/folder";
import { thisOwner } from "../../src/store/lock";
import { temporaryFolder } from "../experiments/helpers/fake-run";

interface Facts {
  readonly name: string;
  readonly seed: number;
}
const FACTS: Facts = { name: "toy", seed: 7 };
const OPTIONS: KeepFolderOptions = { where: "test", what: "the toy" };

function toy() {
  const place: FolderPlace<Facts> = { folder: join(temporaryFolder(), "kept", "toy"), identity: FACTS };
  const drafts: FolderDraft[] = [];
  const write = async (draft: FolderDraft): Promise<Facts> => {
    drafts.push(draft);
    mkdirSync(join(draft.folder, "deep"), { recursive: true });
    writeFileSync(join(draft.folder, "deep", "result"), "hello");
    return FACTS;
  };
  const keep = (options: Partial<KeepFolderOptions> = {}) => keepFolder(place, write, { ...OPTIONS, ...options });
  const around = () => readdirSync(dirname(place.folder));
  return { place, write, drafts, keep, around };
}

describe("keepFolder", () => {
  it("writes the folder beside its place, describes it, and finds it the next time", async () => {
    const { place, keep, drafts, around } = toy();
    const made = await keep();
    expect(made).toEqual({
      folder: place.folder,
      origin: "computed",
      manifest: {
        schema: 1,
        ...FACTS,
        files: [
          {
            path: "deep/result",
            bytes: 5,
            sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", // of "hello"
          },
        ],
        seal: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect(drafts).toEqual([{ folder: workFolderOf(place.folder), resumeDir: expect.any(String), begun: "fresh" }]);
    expect(await keep()).toEqual({ ...made, origin: "found" });
    expect([drafts.length, around()]).toEqual([1, ["toy"]]);
  });

  it("makes it once when it is wanted often at once", async () => {
    const { keep, drafts, around } = toy();
    const all = await Promise.all([keep(), keep(), keep()]);
    expect(all.map(({ origin }) => origin).sort()).toEqual(["computed", "found", "found"]);
    expect([drafts.length, around()]).toEqual([1, ["toy"]]);
  });

  it("leaves nothing of an attempt that failed, and nothing of a killed one in the next", async () => {
    const { place, keep, around } = toy();
    const failing = keepFolder(
      place,
      async ({ folder }) => {
        writeFileSync(join(folder, "half"), "");
        throw new TypeError("stopped");
      },
      OPTIONS,
    );
    await expect(failing).rejects.toThrow("stopped");
    expect(around()).toEqual([]);
    mkdirSync(workFolderOf(place.folder)); // as a kill leaves it
    writeFileSync(join(workFolderOf(place.folder), "half"), "");
    writeFileSync(lockFileOf(place.folder), JSON.stringify({ ...thisOwner("t"), pid: 2 ** 22 + 1 }));
    await keep();
    expect(readdirSync(place.folder).sort()).toEqual(["deep", "manifest.json"]);
    expect(around()).toEqual(["toy"]);
  });

  it("goes on from what an interrupted attempt left, where that is wanted; checkpoints are no part of the result", async () => {
    const { place, around } = toy();
    const begun: string[] = [];
    const write = async (draft: FolderDraft): Promise<Facts> => {
      begun.push(draft.begun);
      const checkpoint = join(draft.resumeDir, "state");
      if (!existsSync(checkpoint)) {
        writeFileSync(checkpoint, "1");
        throw new TypeError("stopped");
      }
      writeFileSync(join(draft.folder, "result"), `${readFileSync(checkpoint, "utf8")}2`);
      return FACTS;
    };
    const keep = () => keepFolder(place, write, { ...OPTIONS, afterInterruption: "goOn" });
    await expect(keep()).rejects.toThrow("stopped");
    expect(around()).toEqual(["toy.partial"]);
    await keep();
    expect(begun).toEqual(["fresh", "resumed"]);
    expect(readdirSync(place.folder).sort()).toEqual(["manifest.json", "result"]);
    expect(readFileSync(join(place.folder, "result"), "utf8")).toBe("12");
  });

  it("takes no file that was being written when its process was killed", async () => {
    const { place, write } = toy();
    const { manifest } = await keepFolder(
      place,
      async (draft) => {
        writeFileSync(join(draft.folder, "result.3f2504e0-4f89-41d3-9a0c-0305e82c3301.part"), "{");
        return write(draft);
      },
      OPTIONS,
    );
    expect(manifest.files.map(({ path }) => path)).toEqual(["deep/result"]);
  });

  it("publishes a folder that a process finished just before it died", async () => {
    const { place, keep, drafts } = toy();
    await keep();
    renameSync(place.folder, workFolderOf(place.folder));
    expect((await keep()).origin).toBe("computed");
    expect(drafts).toHaveLength(1);
  });

  it("refuses an attempt that writes nothing, and a folder of another identity is made again", async () => {
    const { place, write, around } = toy();
    const nothing = keepFolder(place, async () => FACTS, OPTIONS);
    await expect(nothing).rejects.toMatchObject({ code: "state", message: expect.stringMatching(/at least one file/) });
    expect(around()).toEqual([]);
    await keepFolder(place, write, OPTIONS);
    const seen: string[] = [];
    const control = { onWarn: (code: string, message: string) => void seen.push(`${code}: ${message}`) };
    const other = { ...place, identity: { name: "toy", seed: 8 } };
    await keepFolder(other, async (draft) => ({ ...(await write(draft)), seed: 8 }), { ...OPTIONS, control });
    expect(seen).toEqual([expect.stringMatching(/^artifact-damaged: test: the toy is made again: .* state seed 8/)]);
    expect((await readManifest<Facts>(place.folder, {}))!.seed).toBe(8);
  });

  it("does not give the folder its place when the lock became another's meanwhile", async () => {
    const { place, write, around } = toy();
    const lost = keepFolder(
      place,
      async (draft) => {
        writeFileSync(lockFileOf(place.folder), JSON.stringify(thisOwner("another")));
        return write(draft);
      },
      OPTIONS,
    );
    await expect(lost).rejects.toMatchObject({ code: "state", message: expect.stringMatching(/another one took it/) });
    expect(around().sort()).toEqual(["toy.lock", "toy.partial"]);
  });

  it("refuses at once where it is not to wait for another process", async () => {
    const { place, keep } = toy();
    mkdirSync(dirname(place.folder));
    writeFileSync(lockFileOf(place.folder), JSON.stringify(thisOwner("another")));
    await expect(keep({ whenHeld: "refuse" })).rejects.toMatchObject({ code: "state" });
  });
});

describe("findFolder", () => {
  it("sees an altered byte, by sizes alone too, where a file is not of gigabytes", async () => {
    const { place, keep } = toy();
    await keep();
    const file = join(place.folder, "deep", "result");
    writeFileSync(file, "hullo");
    expect(await findFolder(place)).toBeNull();
    expect(await findFolder(place, { check: "sizes" })).toBeNull();
    rmSync(file);
    expect(await findFolder(place, { check: "sizes" })).toBeNull();
  });

  it("does not read a large file for sizes alone, and sees another size of it", async () => {
    const place = { folder: join(temporaryFolder(), "large"), identity: {} };
    const write = async ({ folder }: { readonly folder: string }) => {
      writeFileSync(join(folder, "large"), "");
      truncateSync(join(folder, "large"), 65 * 2 ** 20);
      return {};
    };
    await keepFolder(place, write, { where: "test", what: "a large file" });
    const file = join(place.folder, "large");
    appendFileSync(file, "x");
    truncateSync(file, 65 * 2 ** 20 - 1);
    expect(await findFolder(place, { check: "sizes" })).toBeNull();
    appendFileSync(file, "x"); // the size is right again, the last byte is not
    expect(await findFolder(place, { check: "sizes" })).not.toBeNull();
    expect(await findFolder(place)).toBeNull();
  });

  it("does not take a manifest in which anything was changed", async () => {
    const { place, keep } = toy();
    await keep();
    const file = join(place.folder, "manifest.json");
    const whole = readFileSync(file, "utf8");
    const manifest = JSON.parse(whole) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...manifest, note: "added" }));
    expect(await findFolder(place)).toBeNull();
    const { seal, ...older } = manifest;
    expect(seal).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(file, JSON.stringify(older)); // as manifests were before they had a seal
    expect(await findFolder(place)).not.toBeNull();
  });

  it("notes a use in the folder's time of change, a look does not", async () => {
    const { place, keep } = toy();
    await keep();
    const long = new Date("2020-01-01");
    utimesSync(place.folder, long, long);
    await findFolder(place, { touch: "look" });
    expect(statSync(place.folder).mtime).toEqual(long);
    await findFolder(place);
    expect(statSync(place.folder).mtimeMs).toBeGreaterThan(long.getTime());
  });
});

describe("placeFolder", () => {
  it("takes the place of an older folder, and leaves nothing beside it", async () => {
    const root = temporaryFolder();
    const [fresh, place] = [join(root, "fresh"), join(root, "deep", "place")];
    for (const content of ["1", "2"]) {
      mkdirSync(fresh);
      writeFileSync(join(fresh, "file"), content);
      await placeFolder(fresh, place);
      expect(readFileSync(join(place, "file"), "utf8")).toBe(content);
    }
    expect([readdirSync(root), readdirSync(join(root, "deep"))]).toEqual([["deep"], ["place"]]);
  });

  it("leaves the older folder where it is when the new one cannot come", async () => {
    const place = join(temporaryFolder(), "place");
    mkdirSync(place);
    await expect(placeFolder(`${place}.none`, place)).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(place)).toBe(true);
  });
});
