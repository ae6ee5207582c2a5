import { randomBytes } from "node:crypto";
import { YoungCollector } from "../collect-young";
import type { CellEnd, CellEvent, ShownError } from "../events";
import type { ConnectionInfo, KernelMessage, MessageContent } from "../message";
import { PROTOCOL_VERSION } from "../message";
import { CellTypes, type Complaint } from "../types/cell-types";
import { compilerVersion } from "../types/language-server";
import { CellProcess } from "./cell-process";
import { CommQueue } from "./comm-queue";
import { complaintError, judge, type TypeErrors, warningText } from "./complaints";
import { History } from "./history";
import { complete, inspectAt, isComplete } from "./introspect";
import { StreamBatches } from "./output-order";
import { type Extras, KernelWire, type Request } from "./wire";

/** The kernel as its clients see it: every request of the protocol, and the cells one after the other. */

type Parent = KernelMessage["parent"];

interface Comm {
  readonly target: string;
}

/** Parents of that many past requests of a kind are kept: what a cell left running may still have something to say. */
const MAX_PARENTS = 1000;
/** What a person types to leave a console; a cell may give these names another meaning. */
const FAREWELL = /^\s*(exit|quit)\s*(?:\(\s*\))?\s*;?\s*$/;
const CHECK_MS = 60_000;
/** What a client sent together with a cell that fails at once may still be on its way; its reply waits until nothing has come for so long, */
const ARRIVAL_MS = 50;
/** at most for so long. */
const MAX_ARRIVAL_MS = 500;
const INTERRUPTED: ShownError = {
  ename: "Interrupted",
  evalue: "the cell was interrupted before it ran",
  traceback: ["Interrupted: the cell was interrupted before it ran"],
};

/** What the kernel says of itself. */
export function kernelInfo(version: string): MessageContent {
  return {
    status: "ok",
    protocol_version: PROTOCOL_VERSION,
    implementation: "kernel-lib",
    implementation_version: version,
    language_info: {
      name: "typescript",
      version: compilerVersion(),
      mimetype: "text/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      codemirror_mode: { name: "javascript", mode: "typescript", typescript: true },
      nbconvert_exporter: "script",
    },
    banner: `kernel-lib ${version}: TypeScript ${compilerVersion()} on Node ${process.version}`,
    help_links: [{ text: "TypeScript", url: "https://www.typescriptlang.org/docs/" }],
    debugger: false,
    supported_features: [],
  };
}

export class Kernel {
  private readonly wire: KernelWire;
  private readonly types: CellTypes;
  private readonly cells: CellProcess;
  private readonly history = new History();
  private readonly streams: StreamBatches;
  private readonly info: MessageContent;
  /** Apart, so that a slider that is moved a thousand times does not push out the cell that is running. */
  private readonly parents = { cell: new Map<number, Parent>(), comm: new Map<number, Parent>() };
  private readonly comms = new Map<string, Comm>();
  private readonly said = new CommQueue((request) => this.sendComm(request));
  private readonly collector = new YoungCollector();
  private readonly queue: Request[] = [];
  private running: Request | null = null;
  private working: Promise<void> | null = null;
  private stopCheck: (() => void) | null = null;
  private tables: CellEnd["tables"] = {};
  private count = 0;
  private lastNumber = 0;
  private lastParent: Parent = {};
  private typeErrors: TypeErrors;
  private readonly onShutdown: () => void;

  constructor(connection: ConnectionInfo, version: string, onShutdown: () => void) {
    this.info = kernelInfo(version);
    this.onShutdown = onShutdown;
    this.wire = new KernelWire(connection, randomBytes(16).toString("hex"));
    const setting = process.env["KERNEL_LIB_TYPE_ERRORS"];
    this.typeErrors = setting === "warn" || setting === "off" ? setting : "block";
    this.streams = new StreamBatches((name, text, cell) => this.publishOf(cell, "stream", { name, text }));
    this.cells = new CellProcess({
      text: (name, bytes, cell) => this.streams.add(name, bytes, cell),
      event: (event, cell) => this.hear(event, cell),
      died: (error) => this.forget(error),
    });
    this.types = new CellTypes(process.cwd());
  }

  async start(): Promise<void> {
    await this.wire.listen((request) => this.take(request));
    this.wire.publish({}, "status", { execution_state: "starting" });
  }

  private publishOf(cell: number, type: string, content: MessageContent, extras?: Extras): void {
    const parent = this.parents.cell.get(cell) ?? this.parents.comm.get(cell) ?? this.lastParent;
    this.wire.publish(parent, type, content, extras);
  }

  private status(parent: Parent, state: "busy" | "idle"): void {
    this.wire.publish(parent, "status", { execution_state: state });
  }

  /** A number for what a request makes the process of the cells say. */
  private newNumber(request: Request, kind: "cell" | "comm"): number {
    const parents = this.parents[kind];
    parents.set(++this.lastNumber, request.message.header);
    if (parents.size > MAX_PARENTS) parents.delete(parents.keys().next().value!);
    if (kind === "cell") this.lastParent = request.message.header;
    return this.lastNumber;
  }

  private hear(event: CellEvent, cell: number): void {
    this.streams.flush();
    if (event.kind === "publish") {
      this.noteComm(event.type, event.content);
      const { metadata, buffers } = event;
      this.publishOf(cell, event.type, event.content, {
        ...(metadata ? { metadata } : {}),
        ...(buffers ? { buffers } : {}),
      });
    } else if (event.kind === "input") this.askUser(event);
    else if (event.kind === "setting") this.typeErrors = event.value as TypeErrors;
  }

  private askUser({ prompt, password }: CellEvent & { kind: "input" }): void {
    const request = this.running;
    if (request === null || request.message.content["allow_stdin"] === false) this.cells.answer(null);
    else this.wire.ask(request, { prompt, password });
  }

  private noteComm(type: string, content: MessageContent): void {
    const { comm_id: id, target_name: target } = content;
    if (typeof id !== "string") return;
    if (type === "comm_open") this.comms.set(id, { target: typeof target === "string" ? target : "" });
    if (type === "comm_close") this.comms.delete(id);
  }

  /** The values are gone: so are their types, and whatever was shown live. */
  private forget(error: ShownError): void {
    this.streams.flush();
    this.types.clear();
    this.tables = {};
    this.comms.clear();
    if (this.running === null)
      this.wire.publish(this.lastParent, "stream", { name: "stderr", text: `${error.evalue}\n` });
  }

  private take(request: Request): void {
    const { msg_type: type } = request.message.header;
    if (request.channel === "stdin") {
      const { value } = request.message.content;
      if (type === "input_reply") this.cells.answer(typeof value === "string" ? value : "");
    } else if (type === "execute_request") {
      this.queue.push(request);
      this.working ??= this.work();
    } else if (this.running !== null && request.channel === "shell" && type !== "kernel_info_request")
      void this.beside(request);
    else void this.handle(request);
  }

  /** A request that is answered while a cell runs; a front end shows the last status it heard, so that is said again. */
  private async beside(request: Request): Promise<void> {
    await this.handle(request);
    if (this.running !== null) this.status(this.running.message.header, "busy");
  }

  private async work(): Promise<void> {
    for (let request = this.queue.shift(); request !== undefined; request = this.queue.shift()) {
      this.running = request;
      await this.handle(request);
      this.running = null;
      this.collector.cellEnded();
    }
    this.working = null;
  }

  private async handle(request: Request): Promise<void> {
    const { header } = request.message;
    this.status(header, "busy");
    try {
      await this.answer(request);
    } catch (error) {
      process.stderr.write(`kernel-lib: ${header.msg_type} failed: ${(error as Error).stack}\n`);
      const { name, message } = error as Error;
      const content = { status: "error", ename: name, evalue: message, traceback: [] };
      this.wire.reply(request, header.msg_type.replace(/_request$/, "_reply"), content);
    }
    this.streams.flush();
    this.status(header, "idle");
  }

  private async answer(request: Request): Promise<void> {
    const { header, content } = request.message;
    const reply = (body: MessageContent): void =>
      this.wire.reply(request, header.msg_type.replace(/_request$/, "_reply"), body);
    switch (header.msg_type) {
      case "kernel_info_request":
        return reply(this.info);
      case "execute_request":
        return this.execute(request);
      case "complete_request":
        return reply(await complete(this.types, content, this.tables));
      case "inspect_request":
        return reply(await inspectAt(this.types, content));
      case "is_complete_request":
        return reply(isComplete(String(content["code"] ?? "")));
      case "history_request":
        return reply(this.history.reply(content));
      case "comm_info_request":
        return reply(this.commInfo(content));
      case "comm_open":
      case "comm_msg":
      case "comm_close":
        return this.passComm(request);
      case "interrupt_request":
        this.interrupt();
        return reply({ status: "ok" });
      case "shutdown_request":
        return this.shutDown(request, reply);
      default:
        process.stderr.write(`kernel-lib: a message of unknown type ${JSON.stringify(header.msg_type)} was ignored\n`);
    }
  }

  private commInfo(content: MessageContent): MessageContent {
    const wanted = content["target_name"];
    const listed = [...this.comms].filter(([, { target }]) => !wanted || target === wanted);
    return { status: "ok", comms: Object.fromEntries(listed.map(([id, { target }]) => [id, { target_name: target }])) };
  }

  private passComm(request: Request): Promise<void> {
    this.noteComm(request.message.header.msg_type, request.message.content);
    return this.said.pass(request);
  }

  private async sendComm(request: Request): Promise<void> {
    const { header, content, buffers = [] } = request.message;
    const cell = this.newNumber(request, "comm");
    return this.cells.pass({ kind: "comm", cell, type: header.msg_type, content: JSON.stringify(content), buffers });
  }

  private shutDown(request: Request, reply: (body: MessageContent) => void): void {
    const restart = request.message.content["restart"] === true;
    reply({ status: "ok", restart });
    this.wire.publish(request.message.header, "shutdown_reply", { status: "ok", restart });
    this.onShutdown();
  }

  /** Stops the running cell, also while its types are checked, or what a widget has set off. */
  interrupt(): void {
    this.stopCheck?.();
    this.cells.interrupt();
  }

  private async execute(request: Request): Promise<void> {
    const { content, header } = request.message;
    const [code, silent] = [String(content["code"] ?? ""), content["silent"] === true];
    const stored = !silent && content["store_history"] !== false;
    if (stored) this.count++;
    const count = this.count;
    if (!silent) this.wire.publish(header, "execute_input", { code, execution_count: count });
    if (stored && code.trim() !== "") this.history.add(count, code);
    const label = silent ? "Cell [*]" : `Cell [${count}]`;
    const cell = this.newNumber(request, "cell");
    const end = await this.runCell(code, label, cell, content);
    this.streams.flush();
    if (end.error !== null) return this.fail(request, end.error, count);
    if (end.result !== null && !silent) {
      const { result: data, metadata } = end;
      this.wire.publish(header, "execute_result", { execution_count: count, data, metadata });
    }
    const expressions = Object.entries(end.expressions).map(([name, value]) => [
      name,
      "data" in value ? { status: "ok", data: value.data, metadata: {} } : { status: "error", ...value },
    ]);
    const payload = this.isFarewell(code) ? [{ source: "ask_exit", keepkernel: false }] : [];
    const user_expressions = Object.fromEntries(expressions);
    this.wire.reply(request, "execute_reply", { status: "ok", execution_count: count, user_expressions, payload });
  }

  /** Whether somebody takes leave: a console ends at that, other front ends do nothing. */
  private isFarewell(code: string): boolean {
    const name = FAREWELL.exec(code)?.[1];
    return name !== undefined && !this.types.knows(name);
  }

  private async fail(request: Request, error: ShownError, count: number): Promise<void> {
    if (request.message.content["silent"] !== true) this.wire.publish(request.message.header, "error", { ...error });
    const content = { status: "error", execution_count: count, user_expressions: {}, payload: [], ...error };
    if (request.message.content["stop_on_error"] !== false) {
      await this.arrivals();
      this.abortQueue();
    }
    this.wire.reply(request, "execute_reply", content);
  }

  /** Waits until no further request arrives. */
  private async arrivals(): Promise<void> {
    const last = performance.now() + MAX_ARRIVAL_MS;
    for (let seen = -1; seen < this.queue.length && performance.now() < last; ) {
      seen = this.queue.length;
      await new Promise((next) => setTimeout(next, ARRIVAL_MS));
    }
  }

  /** Requests that were waiting when a cell failed are not run. */
  private abortQueue(): void {
    for (const request of this.queue.splice(0)) {
      const { header } = request.message;
      this.status(header, "busy");
      // without a count: it would stand beside a cell that never ran
      this.wire.reply(request, "execute_reply", { status: "aborted" }, { metadata: { status: "aborted" } });
      this.status(header, "idle");
    }
  }

  private async runCell(source: string, label: string, cell: number, content: MessageContent): Promise<CellEnd> {
    const nothing = { result: null, metadata: {}, expressions: {}, reached: [], tables: this.tables };
    const expressions = (content["user_expressions"] ?? {}) as Record<string, string>;
    if (source.trim() === "" && Object.keys(expressions).length === 0) return { error: null, ...nothing };
    if (this.isFarewell(source)) return { error: null, ...nothing };
    const complaints = await this.check(source);
    if (complaints === "interrupted") return { error: INTERRUPTED, ...nothing };
    const { errors, warnings } = judge(complaints, source, this.typeErrors);
    if (errors.length > 0) return { error: complaintError(errors, label, source), ...nothing };
    if (warnings.length > 0)
      this.publishOf(cell, "stream", { name: "stderr", text: warningText(warnings, label, source) });
    await this.said.empty(); // what was said to widgets before the cell is done before it
    const end = await this.cells.run({ kind: "run", cell, source, label, expressions });
    this.tables = end.tables;
    this.types.remember(source, end.error === null ? "all" : new Set(end.reached));
    return end;
  }

  /** What the type checker says; nothing when it cannot be asked. */
  private async check(source: string): Promise<readonly Complaint[] | "interrupted"> {
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<"interrupted" | "late">((resolve) => {
      this.stopCheck = () => resolve("interrupted");
      timer = setTimeout(() => resolve("late"), CHECK_MS);
    });
    try {
      const outcome = await Promise.race([this.types.check(source), stopped]);
      if (outcome !== "late") return outcome;
      process.stderr.write(`kernel-lib: types were not checked: no answer within ${CHECK_MS} ms\n`);
    } catch (error) {
      process.stderr.write(`kernel-lib: types were not checked: ${(error as Error).message}\n`);
    } finally {
      clearTimeout(timer);
      this.stopCheck = null;
    }
    return [];
  }

  /** Ends everything; what was sent arrives. */
  async close(): Promise<void> {
    this.cells.close();
    this.types.close();
    await this.wire.close();
  }
}
