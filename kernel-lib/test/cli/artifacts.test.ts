import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/artifacts";
import type { Artifact } from "../../src/store/artifact";
import { temporaryFolder } from "../experiments/helpers/fake-run";
import { age, makeArtifact, makeChain } from "../store/artifacts";

async function artifacts(...argv: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await main(argv, (line) => lines.push(line));
  return { code, text: lines.join("\n") };
}

describe("npm run artifacts", () => {
  it("list shows size, age, users and inputs", async () => {
    const { folder, reader, index, predictions } = await makeChain();
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
    const { folder, other, index } = await makeChain();
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
    expect((await makeArtifact(folder, "reader", [index], 8)).origin).toBe("computed");
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
