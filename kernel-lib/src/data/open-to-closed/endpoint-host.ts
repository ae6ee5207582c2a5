import { readFile } from "node:fs/promises";
import { ConfigError } from "../../base/errors";

/** Where data may go. */
export interface EndpointRule {
  /** Credentialed data stays on this machine unless the host is written down. */
  readonly access: "open" | "credentialed";
  /** A file with one host a line (# begins a comment) that credentialed data may be sent to. Default none. */
  readonly allowListFile?: string;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

async function readAllowList(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const message = `assertEndpoint: allowListFile must be readable; got ${file}. Write one host a line into it.`;
    throw new ConfigError(message, { file }, cause);
  });
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().toLowerCase())
    .filter((line) => line !== "");
}

/**
 * The endpoint's address, if data may be sent there: open data anywhere, credentialed data to this machine's loopback or to a host
 * that the user has written into the allow-list.
 *
 * @throws ConfigError for no http(s) address, or a host that is not allowed.
 */
export async function assertEndpoint(endpoint: string, rule: EndpointRule): Promise<URL> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `assertEndpoint: endpoint must be an http or https address; got ${JSON.stringify(endpoint)}.`,
    );
  }
  if (rule.access === "open" || isLoopback(url.hostname)) return url;
  const allowed = rule.allowListFile === undefined ? [] : await readAllowList(rule.allowListFile);
  if (allowed.includes(url.hostname) || allowed.includes(url.host)) return url;
  throw new ConfigError(
    `assertEndpoint: credentialed data must stay on this machine (localhost, 127.0.0.1, ::1); got host ${url.host}. If the data's agreement permits it, write the host into a file and pass it as allowListFile.`,
    { host: url.host, allowed },
  );
}
