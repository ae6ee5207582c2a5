import { createRequire } from "node:module";
import { isMainThread, Worker } from "node:worker_threads";
import { expandShorthand, keepEveryMessage, queueSends, type SyntaxTree } from "./tslab-mends";

/**
 * Loaded into the TypeScript kernel by `node --require`, before tslab: mends what its compiler gets wrong, lets no message be
 * lost behind a large one or among many, and ends it with the program that started it.
 * The project's kernel spec and the runner both start the kernel with it.
 */

interface Converter {
  convert(previous: string, source: string): unknown;
}
type Sender = Parameters<typeof queueSends>[0] & Parameters<typeof keepEveryMessage>[0];
interface ConverterModule {
  createConverter(options: unknown): Converter;
}

const fromTslab = createRequire(createRequire(__filename).resolve("tslab/package.json"));
const compiler = fromTslab("@tslab/typescript-for-tslab") as SyntaxTree;
const converters = fromTslab("./dist/converter.js") as ConverterModule;
const { Publisher, Router } = fromTslab("zeromq") as Record<"Publisher" | "Router", { prototype: Sender }>;
for (const { prototype } of [Publisher, Router]) {
  queueSends(prototype);
  keepEveryMessage(prototype);
}

const createConverter = converters.createConverter;

converters.createConverter = (options) => {
  const converter = createConverter(options);
  const convert = converter.convert;
  return Object.assign(converter, {
    convert: (previous: string, source: string) => convert(previous, expandShorthand(compiler, source)),
  });
};

/**
 * Ends this kernel when the program that started it is gone, even if that was killed: nobody could reach the kernel any more.
 * That program names itself in JPY_PARENT_PID, as Jupyter and the runner do.
 * A thread of its own looks, since a cell that never gives way stops every timer of the main one.
 */
const WATCH_PARENT = `
setInterval(() => {
  if (process.ppid !== require("node:worker_threads").workerData) process.kill(process.pid, "SIGKILL");
}, 1000);
`;
const parent = Number(process.env["JPY_PARENT_PID"]);
if (isMainThread && parent === process.ppid)
  new Worker(WATCH_PARENT, { eval: true, workerData: parent, execArgv: [] }).unref();
