import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { main } from "../../src/cli/data";
import { writeZip } from "../../src/data/formats/zip";
import { TASK_PHANTOMS } from "../../src/phantoms/phantoms";
import { startHubServer } from "../helpers/hub-server";

/** Runs the program. @returns exit code and everything it wrote. */
async function run(...argv: string[]): Promise<[number, string]> {
  let text = "";
  const code = await main(argv, { write: (line: string) => (text += line) });
  return [code, text];
}

/** The files of a quick stand-in, by path, as its publisher has them. */
async function publishedFiles(name: string): Promise<Map<string, Buffer>> {
  const place = mkdtempSync(join(tmpdir(), "published-"));
  try {
    await TASK_PHANTOMS.get(name)!.write({ folder: place, seed: 3, size: "quick", control: {} });
    const entries = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = entries.map((entry) => join(entry.parentPath, entry.name));
    return new Map(paths.map((path) => [path.slice(place.length + 1), readFileSync(path)]));
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** As Hugging Face has SLAKE: pictures in an archive, the middle file called validation.json. */
function asSlakeRelease(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const pictures = [...files].filter(([path]) => path.startsWith("imgs/"));
  const lists = [...files].filter(([path]) => path.endsWith(".json") && !path.includes("/"));
  const named = lists.map(([path, bytes]): [string, Buffer] => [path.replace("validate", "validation"), bytes]);
  return new Map([...named, ["imgs.zip", Buffer.from(writeZip(new Map(pictures), "stored"))]]);
}

test.each([
  ["path-vqa", "flaviagiammarino/path-vqa", (files: Map<string, Buffer>) => files],
  ["slake", "BoKelvin/SLAKE", asSlakeRelease],
])("fetch gets %s from the hub that HF_ENDPOINT names, and check reads it", async (name, id, release) => {
  const files = release(await publishedFiles(name));
  const hub = await startHubServer(files, id);
  const dir = mkdtempSync(join(tmpdir(), "fetched-"));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  try {
    const [code, text] = await run("fetch", name, "--dir", dir);
    expect(text).toMatch(
      new RegExp(`${name}: from https://huggingface\\.co/datasets/${id}\\. Licence: .*${name}: fetched, `, "s"),
    );
    expect(code).toBe(0);
    expect((await run("fetch", name, "--dir", dir))[1]).toMatch(/already there/);
    expect((await run("list", "--dir", dir))[1]).toMatch(new RegExp(`${name} +here: .*fetched; look with check`));
    const [sound, report] = await run("check", name, "--dir", dir);
    expect(report).toMatch(new RegExp(`${name}: sound`));
    expect(sound).toBe(0);
  } finally {
    vi.unstubAllEnvs();
    await hub.close();
    rmSync(dir, { recursive: true });
  }
});
