import { AsyncLocalStorage } from "node:async_hooks";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Worker } from "node:worker_threads";
import { YoungCollector } from "../collect-young";
import type { Command } from "../events";
import { type ColumnReader, type CommMessage, installHost, type KernelHost, type Presenter } from "../host";
import { compilerVersion } from "../types/language-server";
import { createCellNames, createTslabModule, InterruptedCell, nobodyToAsk } from "./cell-names";
import { Channels } from "./channels";
import { commonNames, ModuleLoader } from "./imports";
import { printPromisesPlainly } from "./present";
import { CellRunner, runWhereSignalsStop } from "./run-cell";
import { createSharedNames } from "./shared-names";
import { showError } from "./show-error";
import { installStacks } from "./stack";
import { StopFlags } from "./stop-flags";

/** The process that runs the cells. The one that owns the sockets starts it and speaks to it by IPC. */

const speaking = new AsyncLocalStorage<number>();
const stops = new StopFlags();
const interrupt = (): void => {
  if (stops.isDue(host.cell)) throw new InterruptedCell();
};

const channels = new Channels(() => speaking.getStore() ?? runner.current);
const inputs: ((value: string | null) => void)[] = [];
const commsWanted = new Set<string>();
const host: KernelHost = {
  get cell() {
    return speaking.getStore() ?? runner.current;
  },
  publish: (type, content, options = {}) => channels.send({ kind: "publish", type, content, ...options }),
  input: (prompt, { password = false } = {}) =>
    new Promise((resolve, reject) => {
      inputs.push((value) => (value === null ? reject(nobodyToAsk()) : resolve(value)));
      channels.send({ kind: "input", prompt, password });
    }),
  presenters: [],
  commListeners: new Set(),
  commTargets: new Set(),
  commsWanted,
  hold: (work) => runner.hold(work),
  setting: (name, value) => channels.send({ kind: "setting", name, value }),
};
installHost(host);

const replaced = new Map([["tslab", createTslabModule(host, compilerVersion())]]);
const loader = new ModuleLoader({ stop: stops.now, now: stops.now, ever: stops.ever, interrupt }, replaced);
const cellNames = createCellNames({
  host,
  hold: host.hold,
  askNow: (prompt) => channels.send({ kind: "input", prompt, password: false, now: true }),
});
const names = createSharedNames({ ...commonNames(join(process.cwd(), "cell.ts")), ...cellNames });
const columnReaders: ColumnReader[] = [];
const collector = new YoungCollector();
const runner = new CellRunner({
  host,
  loader,
  names,
  stops,
  speaking,
  columnReaders,
  begin: () => channels.begin(),
  send: (event) => {
    channels.send(event);
    if (event.kind === "end") collector.cellEnded();
  },
});

function tellThrown(what: string, thrown: unknown): void {
  const { traceback } = showError(thrown);
  process.stderr.write(`${what}\n${traceback.join("\n")}\n`);
}

/** Names of process that would end it: a cell may say them, and fails, but its variables stay. */
function keepAlive(): void {
  const refuse = (name: string) => (code?: number) => {
    throw Object.assign(new Error(`process.${name}(${code ?? ""}) was called; the kernel and its variables stay.`), {
      name: "ProcessExit",
    });
  };
  process.exit = refuse("exit") as typeof process.exit;
}

function prepareProcess(): void {
  // the pipe carries answers to prompt(); whoever reads standard input finds its end
  Object.defineProperty(process, "stdin", { value: Readable.from([]), configurable: true, enumerable: true });
  for (const [name, fd] of [
    ["stdout", 1],
    ["stderr", 2],
  ] as const)
    Object.defineProperty(process, name, { value: channels.stream(fd), configurable: true, enumerable: true });
  installStacks();
  printPromisesPlainly();
  keepAlive();
  process.on("SIGINT", () => undefined);
  process.on("unhandledRejection", (reason) => tellThrown("A promise was rejected and nobody waited for it:", reason));
  process.on("uncaughtException", (error) =>
    tellThrown("An error was thrown outside of the cell's own course:", error),
  );
  new Worker(join(__dirname, "watch.js"), { workerData: stops.memory, execArgv: [] }).unref();
}

function hearComm({ cell, type, content: json, buffers }: Command & { kind: "comm" }): void {
  const content = JSON.parse(json) as CommMessage["content"];
  const message = { type, content, buffers } as CommMessage;
  const target = content["target_name"];
  if (type === "comm_open" && typeof target === "string") commsWanted.add(target);
  if (!runner.isRunning) stops.begin(cell);
  speaking.run(cell, () => {
    if (type === "comm_open" && !(typeof target === "string" && host.commTargets.has(target)))
      host.publish("comm_close", { comm_id: content["comm_id"], data: {} });
    for (const listener of host.commListeners) {
      try {
        runWhereSignalsStop(() => listener(message));
      } catch (thrown) {
        tellThrown("A message of the front end made a function fail:", thrown);
      }
    }
  });
  channels.send({ kind: "taken" });
}

function obey(command: Command): void {
  if (command.kind === "run") void runner.run(command);
  else if (command.kind === "interrupt") {
    channels.send({ kind: "heard" });
    inputs.length = 0;
    runner.interrupt();
  } else if (command.kind === "input") inputs.shift()?.(command.value);
  else if (command.kind === "comm") hearComm(command);
}

/**
 * Makes this process the one that runs the cells.
 *
 * @param presenters what values look like as the result of a cell, asked from the last to the first.
 * @param readers tell the columns of tables, for completion; asked from the first to the last.
 */
export function startCells(presenters: readonly Presenter[], readers: readonly ColumnReader[]): void {
  host.presenters.push(...presenters);
  columnReaders.push(...readers);
  prepareProcess();
  process.on("message", obey);
  process.on("disconnect", () => process.kill(-process.pid, "SIGKILL"));
  channels.send({ kind: "ready" });
}
