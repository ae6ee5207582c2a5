import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Makes the Python environment of the peers in `folder` (minutes the first time); returns its Python. */
export function makePeerEnvironment(folder) {
  const python = join(folder, "bin", "python");
  const steps = [
    ...(existsSync(python) ? [] : [["python3", "-m", "venv", folder]]),
    [python, "-m", "pip", "install", "--quiet", "-r", join(HERE, "requirements-peers.txt")],
  ];
  for (const [program, ...parameters] of steps) {
    const { status } = spawnSync(program, parameters, { stdio: "inherit" });
    if (status !== 0)
      throw new Error(`bench: ${[program, ...parameters].join(" ")} must succeed; got exit status ${status}.`);
  }
  return python;
}

/** Starts the peers; resolves when their packages are loaded. `threads` limits them where it is given. */
export async function startPeer(python, { checkpoints, inputs, threads }) {
  const env = threads === undefined ? process.env : { ...process.env, OMP_NUM_THREADS: String(threads) };
  const program = [join(HERE, "peers"), checkpoints, inputs];
  const child = spawn(python, program, { env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("bench: the peers ended; see their message above.");
    return JSON.parse(value);
  };
  const about = await answer();
  return {
    about,
    /** Does one case once, {case, …its settings}: {seconds, cpu, result}. The first request of a case opens it, untimed. */
    run: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return answer();
    },
    stop: () => child.kill(),
  };
}
