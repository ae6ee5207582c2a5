import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planPrune, removeArtifact, takeInventory } from "../../src/store/inventory";
import { thisOwner } from "../../src/store/lock";
import { age, DAY_MS, makeArtifact, makeChain, NOBODY } from "./artifacts";

const planned = async (folder: string, days?: number) =>
  planPrune(await takeInventory(folder), days === undefined ? {} : { days }).map(({ key }) => key);

describe("planPrune keeps", () => {
  it("everything while it is young", async () => {
    const { folder } = await makeChain();
    expect(await planned(folder)).toEqual([]);
  });

  it("what a result in use refers to, directly or through others, however old", async () => {
    const { folder, index, reader, other, predictions } = await makeChain();
    for (const artifact of [index, reader, other]) age(artifact.folder, 400);
    expect(await planned(folder)).toEqual([other.key]);
    age(predictions.folder, 29);
    expect(await planned(folder)).toEqual([other.key]);
    age(predictions.folder, 31);
    const all = await planned(folder);
    expect(all).toHaveLength(4);
    expect(all.indexOf(predictions.key)).toBeLessThan(all.indexOf(reader.key)); // users first
    expect(all.at(-1)).toBe(index.key);
  });

  it("what a run has found again lately", async () => {
    const { folder, index, other } = await makeChain();
    age(other.folder, 400);
    expect(await planned(folder)).toEqual([other.key]);
    expect((await makeArtifact(folder, "reader", [index], 8)).origin).toBe("found");
    expect(await planned(folder)).toEqual([]);
  });

  it("what a process is at work on, and for a week all it may be reading", async () => {
    const { folder, index } = await makeChain();
    const workDir = join(folder, "reader", `${"a".repeat(32)}.partial`);
    mkdirSync(workDir);
    writeFileSync(workDir.replace(".partial", ".lock"), JSON.stringify(thisOwner("t")));
    age(workDir, 90);
    age(index.folder, 3);
    expect(await planned(folder, 1)).toEqual([]);
    expect(await planned(folder, 0)).toEqual([]);
    writeFileSync(workDir.replace(".partial", ".lock"), JSON.stringify({ ...thisOwner("t"), pid: NOBODY }));
    expect(await planned(folder, 30)).toEqual(["a".repeat(32)]);
  });

  it("leftovers of killed processes until they are old, other folders always", async () => {
    const { folder } = await makeChain();
    const key = "b".repeat(32);
    const names = [`${key}.partial`, `${key}.lock.takeover`, `${key}.0-0.removed`];
    for (const name of names) mkdirSync(join(folder, "reader", name));
    mkdirSync(join(folder, "reader", key)); // a result without a manifest
    mkdirSync(join(folder, "phantoms", "breast-mnist"), { recursive: true });
    age(join(folder, "phantoms"), 400);
    expect(await planned(folder)).toEqual([]);
    for (const name of [...names, key]) age(join(folder, "reader", name), 31);
    expect(await planned(folder)).toEqual([key, key, key, key]);
    for (const item of planPrune(await takeInventory(folder)))
      expect(await removeArtifact(item, Date.now())).toBe("removed");
    expect(readdirSync(folder)).toContain("phantoms");
    expect((await takeInventory(folder)).leftovers).toEqual([]);
  });
});

describe("removeArtifact", () => {
  it("leaves what was used, or locked, since the plan was made", async () => {
    const { folder, other } = await makeChain();
    age(other.folder, 40);
    const [item] = planPrune(await takeInventory(folder));
    expect(await removeArtifact(item!, Date.now() - 50 * DAY_MS)).toBe("in use");
    writeFileSync(`${other.folder}.lock`, JSON.stringify(thisOwner("t")));
    expect(await removeArtifact(item!, Date.now())).toBe("in use");
    writeFileSync(`${other.folder}.lock`, JSON.stringify({ ...thisOwner("t"), pid: NOBODY }));
    expect(await removeArtifact(item!, Date.now())).toBe("removed");
    expect(await removeArtifact(item!, Date.now())).toBe("gone");
  });
});
