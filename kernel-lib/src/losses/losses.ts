import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import type { IntersectionOf } from "../base/types";
import { attentionDistillationLoss } from "./attention-distillation";
import { contrastiveLoss } from "./contrastive-kl";
import { emdr2Loss } from "./emdr2";
import { leaveOneOutLoss } from "./leave-one-out";
import { perplexityDistillationLoss } from "./perplexity-distillation";
import { type OptionsOf, type RetrieverLoss, type SettledLoss, settleLoss } from "./retriever-loss";
import { revealLoss } from "./reveal-marginal";

/** Every loss of the retriever stage, the paper's first. A new one is a file of its own and a line here. */
export const LOSSES = [
  contrastiveLoss,
  perplexityDistillationLoss,
  emdr2Loss,
  leaveOneOutLoss,
  attentionDistillationLoss,
  revealLoss,
] as const satisfies readonly RetrieverLoss[];

type Listed = (typeof LOSSES)[number];
export type RetrieverLossName = Listed["name"];
type OptionsByLoss = { [Loss in Listed as Loss["name"]]: OptionsOf<Loss["options"]> };
/** The options of all losses beside one another; which loss takes which is said by its `options`. */
type AllLossOptions = IntersectionOf<OptionsByLoss[RetrieverLossName]>;

/** Which loss of the retriever stage, and its own options. The paper's values are the defaults. */
export interface RetrieverLossOptions extends AllLossOptions {
  /** Default "contrastive" (paper). */
  readonly loss?: RetrieverLossName | undefined;
}

/** The loss of this name. @throws ConfigError on an unknown name; the message lists the known ones. */
export function findLoss(where: string, name: string): RetrieverLoss {
  assertOneOf(
    `${where}: loss`,
    name,
    LOSSES.map((loss) => loss.name),
  );
  return LOSSES.find((loss) => loss.name === name)!;
}

/** What of a larger set of options any of the losses takes, without what was left out. */
export function lossOptionsOf(options: RetrieverLossOptions): Readonly<Record<string, unknown>> {
  const isOption = (name: string): boolean => LOSSES.some((loss) => Object.hasOwn(loss.options, name));
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== undefined && isOption(name)));
}

/**
 * The loss that a larger set of options asks for, with its own options settled.
 *
 * @throws ConfigError on an unknown loss, an option of another loss, or a value that an option does not take.
 * @example chooseLoss("trainRetrieverHead", { loss: "contrastive", prior: "off" }).evaluate(scores, judgement)
 */
export function chooseLoss(where: string, options: RetrieverLossOptions): SettledLoss {
  const loss = findLoss(where, options.loss ?? contrastiveLoss.name);
  const own = lossOptionsOf(options);
  for (const [name, value] of Object.entries(own)) {
    if (Object.hasOwn(loss.options, name)) continue;
    const takers = LOSSES.filter((each) => Object.hasOwn(each.options, name)).map((each) => each.name);
    throw new ConfigError(
      `${where}: ${name} must be left out with loss "${loss.name}"; got ${JSON.stringify(value)}. It belongs to ${takers.join(", ")}.`,
      { loss: loss.name, [name]: value },
    );
  }
  return settleLoss(loss, own);
}
