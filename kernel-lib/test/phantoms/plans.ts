import { createRandom } from "../../src/base/random";
import { type CasePlan, planCase, ruleWorld } from "../../src/phantoms/knowledge/rule";

/** The plan of a case whose picture shows what it is, with any pattern of the look. */
export const shownPlan = (task: string, name = "plan"): CasePlan =>
  planCase(ruleWorld(task, 7), null, createRandom(name));

/** The same with nothing but the rule to tell it. */
export const toldPlan = (task: string, name = "plan"): CasePlan => ({ ...shownPlan(task, name), isTold: true });

/** The worlds of the question tasks. */
export const RADIOLOGY_WORLD = ruleWorld("vqa-rad", 7);
export const PATHOLOGY_WORLD = ruleWorld("path-vqa", 7);
