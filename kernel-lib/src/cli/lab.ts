import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { EnvironmentError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { failureText } from "./command";

const ASK_EVERY_MS = 200;
const PATIENCE_MS = 180_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** A JupyterLab server about to be started. */
interface LabCommand {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly env: Environment;
  /** Where the server says its address, in a file named after its process. */
  readonly runtimeDir: string;
  /** Folder of the settings that hold unless the user chooses others. */
  readonly settingsDir: string;
}

/** JupyterLab would ask at its first start whether to fetch news from outside. */
const SETTINGS = { "@jupyterlab/apputils-extension:notification": { fetchNews: "false", checkForUpdates: false } };

/** On loopback, asking nobody for news or updates; a browser is opened where there is a screen. */
function serverOptions(root: string, settingsDir: string, env: Environment): string[] {
  const hasScreen = process.platform === "darwin" || Boolean(env["DISPLAY"] || env["WAYLAND_DISPLAY"]);
  return [
    "--ServerApp.ip=127.0.0.1",
    `--ServerApp.root_dir=${root}`,
    "--LabApp.default_url=/lab/tree/notebooks",
    `--LabApp.app_settings_dir=${settingsDir}`,
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--ServerApp.answer_yes=True",
    "--log-level=WARN",
    // in containers everything is root's, and the server listens on loopback only
    ...(process.getuid?.() === 0 ? ["--allow-root"] : []),
    ...(hasScreen ? [] : ["--ServerApp.open_browser=False"]),
  ];
}

/**
 * How JupyterLab is started for this checkout: on loopback, with everything it writes inside .setup/, asking nobody for news or updates.
 *
 * @param extra arguments passed on to `jupyter lab`; they win over ours.
 * @throws EnvironmentError when JupyterLab is not there; the message says what to install.
 */
export function createLabCommand(root: string, extra: readonly string[], env: Environment): LabCommand {
  const program = join(root, ".venv", "bin", "jupyter");
  if (!existsSync(program))
    throw new EnvironmentError(
      "lab: JupyterLab must be installed in .venv; it is not. Install Python 3.10 or later with its venv module " +
        "(Debian: apt install python3 python3-venv), then run npm run lab again. Without Python, npm run reproduce still works.",
      { program },
    );
  const home = join(root, ".setup", "jupyter");
  const runtimeDir = join(home, "runtime");
  const settingsDir = join(home, "app-settings");
  const [data, models] = [env["JOMED_DATA_DIR"], env["JOMED_MODELS_DIR"]];
  const own = serverOptions(root, settingsDir, env);
  // Jupyter refuses an option given twice: the caller's stands
  const optionOf = (parameter: string): string => parameter.split("=")[0]!;
  const given = new Set(extra.map(optionOf));
  return {
    program,
    parameters: ["lab", ...own.filter((parameter) => !given.has(optionOf(parameter))), ...extra],
    env: {
      JOMED_CHECKSUM: "warn", // said in the notebook, not refused
      ...env,
      ...(data ? { JOMED_DATA_DIR: resolve(data) } : {}),
      ...(models ? { JOMED_MODELS_DIR: resolve(models) } : {}),
      JUPYTER_CONFIG_DIR: join(home, "config"),
      JUPYTER_DATA_DIR: join(home, "data"),
      JUPYTER_RUNTIME_DIR: runtimeDir,
      JUPYTERLAB_SETTINGS_DIR: join(home, "settings"),
      JUPYTERLAB_WORKSPACES_DIR: join(home, "workspaces"),
      JUPYTER_PREFER_ENV_PATH: "1",
      JUPYTER_PLATFORM_DIRS: "0",
    },
    runtimeDir,
    settingsDir,
  };
}

/** The address of a server that answers, with its token: what its own file in the runtime folder says. Null when it ends first. */
export async function waitForServer(child: ChildProcess, runtimeDir: string): Promise<string | null> {
  const file = join(runtimeDir, `jpserver-${child.pid}.json`);
  const deadline = Date.now() + PATIENCE_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
    if (!existsSync(file)) continue;
    const { url, token } = JSON.parse(readFileSync(file, "utf8")) as { url: string; token: string };
    const answers = await fetch(`${url}api`).then(
      (reply) => reply.ok,
      () => false,
    );
    if (answers) return `${url}lab/tree/notebooks?token=${token}`;
  }
  return null;
}

/** Starts a server; its output goes where this program's goes. */
export function startLab(command: LabCommand, root: string, output: "inherit" | "ignore"): ChildProcess {
  mkdirSync(command.runtimeDir, { recursive: true, mode: 0o700 });
  mkdirSync(command.settingsDir, { recursive: true });
  writeFileSync(join(command.settingsDir, "overrides.json"), `${JSON.stringify(SETTINGS, null, 2)}\n`);
  return spawn(command.program, command.parameters, { cwd: root, env: command.env, stdio: ["ignore", output, output] });
}

/**
 * `npm run lab`: JupyterLab with the TypeScript kernel, opened on notebooks/. Arguments are passed on to `jupyter lab`.
 *
 * @returns the server's exit code; Ctrl-C ends it.
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const root = repositoryRoot();
    const command = createLabCommand(root, argv, process.env);
    const child = startLab(command, root, "inherit");
    const ended = new Promise<number>((done) => child.once("exit", (code) => done(code ?? 0)));
    const pass = (): void => void child.kill("SIGTERM");
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, pass);
    const address = await waitForServer(child, command.runtimeDir);
    if (address !== null) process.stdout.write(`\nJupyterLab: ${address}\n(Ctrl-C ends it)\n`);
    return await ended;
  } catch (error) {
    process.stderr.write(`${failureText(error)}\n`);
    return 1;
  }
}
