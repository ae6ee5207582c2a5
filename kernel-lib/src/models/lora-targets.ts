import { ConfigError } from "../base/errors";
import type { ParameterStore } from "./parameters";

/** Which linear modules get a low-rank update: all but the output head, those a pattern finds, or a list of names. */
export type LoraTargets = "all-linear" | RegExp | readonly string[];

const HEAD = "lm_head";

/** Modules that can carry an adapter, in the model's order: weights with two axes that are no embedding. */
export function linearModules(parameters: ParameterStore): string[] {
  return parameters
    .names()
    .filter((name) => name.endsWith(".weight") && parameters.shape(name).length === 2)
    .map((name) => name.slice(0, -".weight".length))
    .filter((module) => !/(^|\.)(embed_tokens|[a-z_]*embeddings?)$/.test(module));
}

/**
 * The modules some targets fit, in the model's order. "all-linear" leaves the output head out; a pattern or a list can name it.
 *
 * @throws ConfigError when none fits.
 */
export function chooseModules(parameters: ParameterStore, targets: LoraTargets): string[] {
  const linears = linearModules(parameters);
  const chosen = linears.filter((module) => fits(module, targets));
  if (chosen.length > 0) return chosen;
  throw new ConfigError(
    `attachLora: targets must fit at least one linear module; got ${String(targets)}. Modules are named like ${linears.slice(0, 3).join(", ")}.`,
    { targets: String(targets), modules: linears },
  );
}

/** Whether a module is meant by some targets. */
export function fits(module: string, targets: LoraTargets): boolean {
  if (targets === "all-linear") return module !== HEAD;
  if (targets instanceof RegExp) return module.search(targets) >= 0;
  return targets.some((target) => module === target || module.endsWith(`.${target}`));
}
