import { join } from "node:path";
import { assertOneOf } from "../base/check";
import { checkpointsFolder } from "../base/paths";
import { openBackend } from "../compute/backend";
import { makeReplica, REPLICAS, type ReplicaName } from "../replicas/make-replica";
import { readWords, runCommand } from "./command";
import { createTerminalProgress, terminalControl } from "./terminal-progress";

const HELP = `npm run checkpoints [-- --only ${REPLICAS.join("|")}] [--out DIR] [--help]
Makes the replica-scale models of data/checkpoints again: pre-training on the procedural general-purpose world, seeded.
An interrupted pre-training goes on where it stopped. About 130 minutes on two quiet cores.`;

/** Makes the replica checkpoints. @returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const progress = createTerminalProgress(process.stdout);
  return runCommand("checkpoints", progress, async (signal) => {
    const options = readOptions(argv);
    if (options === "help") {
      progress.say(HELP);
      return 0;
    }
    const { backend } = await openBackend();
    const { out } = options;
    for (const name of options.models) {
      await makeReplica(name, { out, backend, control: terminalControl(progress, signal) });
      progress.say(`${name}: written to ${join(out, name)}`);
    }
    return 0;
  });
}

function readOptions(argv: readonly string[]): "help" | { models: readonly ReplicaName[]; out: string } {
  const known = { only: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } } as const;
  const { values } = readWords({ args: [...argv], options: known }, HELP);
  if (values.help === true) return "help";
  const { only, out = checkpointsFolder() } = values;
  if (only !== undefined) assertOneOf("--only", only, REPLICAS);
  return { models: only === undefined ? REPLICAS : [only], out };
}
