// A program of its own, built and started by the tests: works on a small grid and says what it does, a line each.
import { planGrid } from "../../../src/experiments/grid/plan";
import { runGrid } from "../../../src/experiments/grid/run-grid";
import { GRID_OF_PROCESSES } from "./grid-processes";
import { tinyWorld } from "./tiny-world";

async function work(models: string, artifactsDir: string): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const world = tinyWorld(models);
  const plan = await planGrid({ ...GRID_OF_PROCESSES, artifactsDir }, { world });
  say("planned");
  const { computed, failures } = await runGrid(plan, {
    world,
    onProgress: ({ stage, held }) => say(`at ${stage?.id ?? "nothing"} held ${held}`),
  });
  for (const { stage, error } of failures) say(`failed ${stage.id}: ${error}`);
  for (const { id } of computed) say(`computed ${id}`);
  say("end");
}

const [models, artifactsDir] = process.argv.slice(2);
if (process.env["GRID_CHILD"] === "1" && models !== undefined && artifactsDir !== undefined) {
  work(models, artifactsDir).catch((error: unknown) => {
    process.stdout.write(`crashed ${error}\n`);
    process.exitCode = 1;
  });
}
