import { Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { WATCH_CHANNEL } from "../events";
import { StopFlags } from "./stop-flags";

/**
 * The helper thread of the process that runs the cells: it hears when the cell is to stop although the cell's thread is busy,
 * and ends the process when the one that owns the sockets is gone.
 */

const flags = new StopFlags(workerData as Int32Array<SharedArrayBuffer>);
const socket = new Socket({ fd: WATCH_CHANNEL });
// the programs that cells have started end with it
const end = (): void => void process.kill(-process.pid, "SIGKILL");
socket.on("data", () => flags.stopRunning());
socket.on("end", end);
socket.on("error", end);
