import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/artifacts";
import { type Artifact, runStage } from "../../src/experiments/stages/stage";
import { planPrune, removeArtifact, takeInventory } from "../../src/store/inventory";
import { thisOwner } from "../../src/store/lock";
import { fakeRun, temporaryFolder } from "../experiments/helpers/fake-run";

const DAY_MS = 86_400_000;
const NOBODY = 2 ** 22 + 1;

async function make(folder: string, name: string, inputs: readonly Artifact[], seed = 7): Promise<Artifact> {
  return runStage(fakeRun(folder, {}, seed), {
    name,
    version: 1,
    config: {},
    inputs: [...inputs, "data:1"],
    compute: async (workDir) => writeFileSync(join(workDir, "result"), "12345"),
  });
}

/** index → reader → predictions, and a second reader that nothing uses. */
async function chain() {
  const folder = temporaryFolder();
  const index = await make(folder, "index", []);
  const reader = await make(folder, "reader", [index]);
  const other = await make(folder, "reader", [index], 8);
  const predictions = await make(folder, "predictions", [reader, index]);
  return { folder, index, reader, other, predictions };
}

function age(path: string, days: number): void {
  const time = new Date(Date.now() - days * DAY_MS);
  utimesSync(path, time, time);
}

async function artifacts(...argv: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await main(argv, (line) => lines.push(line));
  return { code, text: lines.join("\n") };
}
const planned = async (folder: string, days?: number) =>
  planPrune(await takeInventory(folder), days === undefined ? {} : { days }).map(({ key }) => key);

describe("what is kept", () => {
  it("everything while it is young", async () => {
    const { folder } = await chain();
    expect(await planned(folder)).toEqual([]);
  });

  it("what a result in use refers to, directly or through others, however old", async () => {
    const { folder, index, reader, other, predictions } = await chain();
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
    const { folder, index, other } = await chain();
    age(other.folder, 400);
    expect(await planned(folder)).toEqual([other.key]);
    expect((await make(folder, "reader", [index], 8)).origin).toBe("found");
    expect(await planned(folder)).toEqual([]);
  });

  it("what a process is at work on, and for a week all it may be reading", async () => {
    const { folder, index } = await chain();
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
    const { folder } = await chain();
    const key = "b".repeat(32);
    const names = [`${key}.partial`, `${key}.lock.takeover`, `${key}.0-0.removed`];
    for (const name of names) mkdirSync(join(folder, "reader", name));
    mkdirSync(join(folder, "reader", key)); // a result without a manifest
    mkdirSync(join(folder, "phantoms", "breast-mnist"), { recursive: true });
    age(join(folder, "phantoms"), 400);
    expect(await planned(folder)).toEqual([]);
    for (const name of [...names, key]) age(join(folder, "reader", name), 31);
    expect(await planned(folder)).toEqual([key, key, key, key]);
    expect((await artifacts("prune", "--folder", folder)).text).toMatch(/Removed 4 of /);
    expect(readdirSync(folder)).toContain("phantoms");
    expect((await takeInventory(folder)).leftovers).toEqual([]);
  });
});

describe("npm run artifacts", () => {
  it("list shows size, age, users and inputs", async () => {
    const { folder, reader, index, predictions } = await chain();
    age(reader.folder, 3);
    const { code, text } = await artifacts("list", "--folder", folder);
    const short = ({ stage, key }: Artifact) => `${stage}/${key.slice(0, 8)}`;
    expect(code).toBe(0);
    expect(text).toMatch(new RegExp(`${short(reader)} +\\d\\.\\d kB  made 0 min ago, used 3 days ago, seed 7\n`));
    expect(text).toContain(`made from ${short(index)}\n`);
    expect(text).toContain(`used by ${short(predictions)}\n`);
    expect(text).toMatch(/4 results, 0 leftovers, \d+\.\d kB\.$/);
  });

  it("prune --dry-run says what would go and removes nothing; prune removes it; a third finds nothing", async () => {
    const { folder, other, index } = await chain();
    age(other.folder, 40);
    const dry = await artifacts("prune", "--dry-run", "--folder", folder);
    expect(dry.text).toMatch(
      new RegExp(`^would remove reader/${other.key} \\(.* not used for 40 days\\)\nWould remove 1`),
    );
    expect(existsSync(other.folder)).toBe(true);
    expect((await artifacts("prune", "--folder", folder)).text).toMatch(/^removed reader\/.*\nRemoved 1 of/);
    expect(existsSync(other.folder)).toBe(false);
    expect(readdirSync(join(folder, "reader"))).toHaveLength(1); // no lock, nothing half-removed
    expect((await artifacts("prune", "--folder", folder)).text).toMatch(/^Removed 0 of/);
    expect((await make(folder, "reader", [index], 8)).origin).toBe("computed");
  });

  it("leaves what was used, or locked, since the plan was made", async () => {
    const { folder, other } = await chain();
    age(other.folder, 40);
    const [item] = planPrune(await takeInventory(folder));
    expect(await removeArtifact(item!, Date.now() - 50 * DAY_MS)).toBe("in use");
    writeFileSync(`${other.folder}.lock`, JSON.stringify(thisOwner("t")));
    expect(await removeArtifact(item!, Date.now())).toBe("in use");
    writeFileSync(`${other.folder}.lock`, JSON.stringify({ ...thisOwner("t"), pid: NOBODY }));
    expect(await removeArtifact(item!, Date.now())).toBe("removed");
    expect(await removeArtifact(item!, Date.now())).toBe("gone");
  });

  it("an empty or missing folder holds nothing", async () => {
    const { code, text } = await artifacts("list", "--folder", join(temporaryFolder(), "missing"));
    expect([code, text.split("\n").at(-1)]).toEqual([0, "0 results, 0 leftovers, 0.0 kB."]);
  });

  it.each([
    [["remove"], /the command must be one of list, prune; got "remove"/],
    [["prune", "--days", "soon"], /--days must be a number/],
    [["prune", "--days", "-1"], /--days/],
    [["prune", "now"], /one command; got also now/],
    [["list", "--all"], /--all.*\n.*npm run artifacts/],
  ])("%j is refused", async (argv, wording) => {
    const { code, text } = await artifacts(...argv);
    expect([code, text]).toEqual([1, expect.stringMatching(wording)]);
  });

  it("without a command shows the help", async () => {
    expect(await artifacts()).toMatchObject({ code: 0, text: expect.stringContaining("--dry-run") });
  });
});

it("a file that was being written when its process was killed is no part of the result", async () => {
  const run = fakeRun(temporaryFolder());
  const { manifest } = await runStage(run, {
    name: "killed",
    version: 1,
    config: {},
    inputs: [],
    compute: async (workDir) => {
      writeFileSync(join(workDir, "result.json.3f2504e0-4f89-41d3-9a0c-0305e82c3301.part"), "{");
      writeFileSync(join(workDir, "result.json"), "{}");
    },
  });
  expect(manifest.files.map(({ path }) => path)).toEqual(["result.json"]);
});
