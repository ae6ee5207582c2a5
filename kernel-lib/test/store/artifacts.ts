import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Artifact, type ArtifactFacts, artifactKey, artifactPlace, folderPlace } from "../../src/store/artifact";
import { keepFolder } from "../../src/store/folder";
import { temporaryFolder } from "../experiments/helpers/fake-run";

export const DAY_MS = 86_400_000;
/** A process that does not live: above Linux's largest process id. */
export const NOBODY = 2 ** 22 + 1;

const NO_CODE = { commit: null, node: "20", platform: "test", packages: {} };

/** Makes, or finds, an artifact of five bytes. */
export async function makeArtifact(
  root: string,
  stage: string,
  inputs: readonly Artifact[],
  seed = 7,
): Promise<Artifact> {
  const keys = [...inputs.map(({ key }) => key), "data:1"];
  const parts = { stage, version: 1, config: {}, inputs: keys, seed, backend: "cpu" };
  const key = artifactKey(parts);
  const now = new Date().toISOString();
  const facts: ArtifactFacts = {
    ...parts,
    key,
    code: NO_CODE,
    startedAt: now,
    finishedAt: now,
    seconds: 0,
    resumed: "fresh",
  };
  const place = artifactPlace(root, stage, key);
  const kept = await keepFolder(
    folderPlace(place),
    async ({ folder }) => {
      writeFileSync(join(folder, "result"), "12345");
      return facts;
    },
    { where: "makeArtifact", what: stage },
  );
  return { stage, key, ...kept };
}

/** index → reader → predictions, and a second reader that nothing uses. */
export async function makeChain() {
  const folder = temporaryFolder();
  const index = await makeArtifact(folder, "index", []);
  const reader = await makeArtifact(folder, "reader", [index]);
  const other = await makeArtifact(folder, "reader", [index], 8);
  const predictions = await makeArtifact(folder, "predictions", [reader, index]);
  return { folder, index, reader, other, predictions };
}

/** Makes a folder look as old as this. */
export function age(path: string, days: number): void {
  const time = new Date(Date.now() - days * DAY_MS);
  utimesSync(path, time, time);
}
