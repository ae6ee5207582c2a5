import type { StageHealth } from "../training/stage-health";
import type { Artifact } from "./artifact-store";
import type { Run } from "./run";

/**
 * Says what a stage's manifest found wrong with it, one warning a finding (code "health"), whether the stage was computed now or
 * found: a sick stage is never averaged away in silence.
 *
 * @returns the manifest's health, null where the stage has none.
 */
export function sayHealth(run: Run, artifact: Artifact, name: string): StageHealth | null {
  const { health } = artifact.manifest;
  for (const { sign, seen, advice } of health?.findings ?? []) {
    run.control.onWarn?.("health", `${name}: ${sign}: ${seen}. ${advice}`, { stage: artifact.stage, sign, seen });
  }
  return health ?? null;
}
