/** A set-up that cannot go on: names the step, what is wrong and the way out. Shown without a stack trace. */
export class SetupError extends Error {
  constructor(step, problem, wayOut) {
    super(`Set-up stopped at "${step}": ${problem}\n${wayOut}`);
    this.name = "SetupError";
    this.step = step;
  }
}

/** A step that cannot be done on this machine, though the project works without it. */
export class StepSkipped extends Error {
  constructor(reason, advice) {
    super(reason);
    this.name = "StepSkipped";
    this.advice = advice;
  }
}

const AGAIN = "and run the same command again: finished steps are kept.";

/** What stops every step alike, told from the text of an error or of a failed program. */
const CAUSES = [
  {
    pattern: /ENOSPC|No space left on device|Errno 28\b|not enough space/i,
    problem: "the disk is full.",
    wayOut: `Free some space (a whole set-up takes about 4 GB, with --gpu about 10 GB) ${AGAIN}`,
  },
  {
    pattern: /EROFS|EACCES|EPERM|Read-only file system|Permission denied|Errno 13\b/i,
    problem: "a folder cannot be written.",
    wayOut: `Give yourself the right to write to it, or clone the project to a folder of your own, ${AGAIN}`,
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|NewConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|name resolution|Could not resolve host|Cannot connect to proxy|ProxyError|network is unreachable/i,
    problem: "the network cannot be reached.",
    wayOut: `Check the connection (and the proxy settings of npm and pip) ${AGAIN}`,
  },
];

/**
 * The SetupError for a full disk, a read-only folder or a missing network; null for anything else.
 * `text` is an error's message with its code, or the output of a failed program.
 */
export function explain(step, text) {
  const cause = CAUSES.find(({ pattern }) => pattern.test(text));
  if (cause === undefined) return null;
  const line = text.split("\n").find((each) => cause.pattern.test(each)) ?? text;
  return new SetupError(step, `${cause.problem} (${line.trim().slice(0, 200)})`, cause.wayOut);
}
