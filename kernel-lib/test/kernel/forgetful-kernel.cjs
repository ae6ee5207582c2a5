// A kernel that answers every cell and says "busy" and an output, but never that it is idle again: node forgetful-kernel.cjs CONNECTION_FILE
const { createHmac, randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { Publisher, Router } = require("zeromq");

const info = JSON.parse(readFileSync(process.argv[2], "utf8"));
const address = (port) => `${info.transport}://${info.ip}:${port}`;

function frames(type, parent, content) {
  const header = { msg_id: randomUUID(), msg_type: type, session: "kernel", username: "", date: "", version: "5.3" };
  const parts = [header, parent, {}, content].map((part) => JSON.stringify(part));
  const hmac = createHmac("sha256", info.key);
  for (const part of parts) hmac.update(part);
  return ["<IDS|MSG>", hmac.digest("hex"), ...parts];
}

async function main() {
  const iopub = new Publisher();
  await iopub.bind(address(info.iopub_port));
  const serve = async (port) => {
    const socket = new Router();
    await socket.bind(address(port));
    for await (const [identity, , , header] of socket) {
      const parent = JSON.parse(header.toString());
      const execution_state = parent.msg_type === "execute_request" ? "busy" : "idle";
      await iopub.send(["status", ...frames("status", parent, { execution_state })]);
      if (parent.msg_type === "execute_request")
        await iopub.send(["stream", ...frames("stream", parent, { name: "stdout", text: "seen" })]);
      const type = parent.msg_type.replace("_request", "_reply");
      await socket.send([identity, ...frames(type, parent, { status: "ok", execution_count: 1 })]);
      if (parent.msg_type === "shutdown_request") process.exit(0);
    }
  };
  await Promise.all([serve(info.shell_port), serve(info.control_port)]);
}
main();
