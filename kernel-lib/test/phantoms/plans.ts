import { createRandom } from "../../src/base/random";
import { type CasePlan, planCase, type RuleWorld, ruleWorld } from "../../src/phantoms/knowledge/rule";

const worlds = new Map<string, RuleWorld>();

/** The world of seed 7; its rule is searched for once. */
function worldOf(task: string): RuleWorld {
  const world = worlds.get(task) ?? ruleWorld(task, 7);
  worlds.set(task, world);
  return world;
}

/** The plan of a case whose picture shows what it is, with any pattern of the look. */
export const shownPlan = (task: string, name = "plan"): CasePlan => planCase(worldOf(task), null, createRandom(name));

/** The same with nothing but the rule to tell it. */
export const toldPlan = (task: string, name = "plan"): CasePlan => ({ ...shownPlan(task, name), isTold: true });

/** The worlds of the question tasks. */
export const RADIOLOGY_WORLD = worldOf("vqa-rad");
export const PATHOLOGY_WORLD = worldOf("path-vqa");
