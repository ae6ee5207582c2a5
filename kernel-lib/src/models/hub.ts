import { askJson } from "../base/ask-json";
import { ConfigError, DataError } from "../base/errors";
import type { Patience } from "../base/http";
import type { Control } from "../base/types";

/** Where models are published, and as whom it is asked. */
export interface Hub extends Patience {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | null;
}

const PUBLIC = "https://huggingface.co";
const LOCAL: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * The hub that the environment names, as the hub's own tools do: HF_ENDPOINT (default https://huggingface.co), HF_TOKEN
 * (default: none) for models whose licence must be accepted.
 *
 * @throws ConfigError when the address is none, or the token would travel unencrypted.
 */
export function openHub(env: Readonly<Record<string, string | undefined>> = process.env): Hub {
  const endpoint = (env["HF_ENDPOINT"] || PUBLIC).replace(/\/+$/, "");
  const token = env["HF_TOKEN"]?.trim() || null;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    throw new ConfigError(
      `openHub: HF_ENDPOINT must be an address such as ${PUBLIC}; got ${JSON.stringify(endpoint)}.`,
    );
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new ConfigError("openHub: HF_TOKEN must be a token of the hub; got other characters. Copy it again.");
  if (token !== null && url.protocol === "http:" && !LOCAL.includes(url.hostname))
    throw new ConfigError(
      `openHub: HF_ENDPOINT must be https where HF_TOKEN is set; got ${endpoint}. Use https or unset HF_TOKEN.`,
      { endpoint },
    );
  return { endpoint, token };
}

/** What to do about an answer of the hub that is no file. */
export function adviseOnHub(hub: Hub, id: string): (response: Response) => string {
  return ({ status, headers }) => {
    const code = headers.get("x-error-code");
    const page = `${hub.endpoint}/${id}`;
    if (code === "GatedRepo" || status === 403 || (status === 401 && code !== "RepoNotFound"))
      return `Accept the licence at ${page} and set HF_TOKEN to a token that may read it.`;
    if (code === "RevisionNotFound") return `Choose one of the revisions at ${page}/tree/main.`;
    if (code === "RepoNotFound" || status === 401 || status === 404)
      return `Check the name at ${page}; a private one needs HF_TOKEN.`;
    return "Try again later.";
  };
}

/** An answer of the hub's interface. */
export interface HubAnswer {
  readonly json: unknown;
  /** Address of the next page; null on the last. */
  readonly next: string | null;
}

/**
 * Asks the hub's interface.
 *
 * @throws EnvironmentError when it does not answer, or with another status than 200. DataError when it answers no JSON.
 */
export async function askHub(hub: Hub, url: string, id: string, control: Control): Promise<HubAnswer> {
  const advise = adviseOnHub(hub, id);
  const doubt = "Check HF_ENDPOINT.";
  const { json, link } = await askJson({ ...hub, where: "askHub", url, advise, doubt, control });
  return { json, next: nextPage(url, link) };
}

/** The next page, which is asked with the token: of the same origin only. */
function nextPage(url: string, link: string | null): string | null {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return null;
  const next = URL.canParse(target, url) ? new URL(target, url) : null;
  if (next !== null && next.origin === new URL(url).origin) return next.href;
  throw new DataError(`askHub: ${url} must name a next page of the same address; got ${JSON.stringify(target)}.`, {
    target,
  });
}
