import { randomBytes } from "node:crypto";
import type { KernelHost } from "../host";

/** The module "tslab" as cells written for the kernel of that name import it. */

/** Shows one thing; a second call on the same display replaces the first. */
interface TslabDisplay {
  raw(type: string, value: string | Uint8Array): void;
}

const METHODS = {
  javascript: "text/javascript",
  html: "text/html",
  markdown: "text/markdown",
  latex: "text/latex",
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  pdf: "application/pdf",
  text: "text/plain",
} as const;

function createDisplay(raw: TslabDisplay["raw"]): TslabDisplay {
  const methods = Object.entries(METHODS).map(([name, type]) => [
    name,
    (value: string | Uint8Array) => raw(type, value),
  ]);
  return { ...Object.fromEntries(methods), raw } as TslabDisplay;
}

const encode = (value: string | Uint8Array): string =>
  typeof value === "string" ? value : Buffer.from(value).toString("base64");

/** @param typescript version of the compiler, for `versions`. */
export function createTslabModule(host: KernelHost, typescript: string): Readonly<Record<string, unknown>> {
  const show = (type: string, value: string | Uint8Array): void =>
    host.publish("display_data", { data: { [type]: encode(value) }, metadata: {}, transient: {} });
  const newDisplay = (): TslabDisplay => {
    const transient = { display_id: randomBytes(8).toString("hex") };
    let kind = "display_data";
    return createDisplay((type, value) => {
      host.publish(kind, { data: { [type]: encode(value) }, metadata: {}, transient });
      kind = "update_display_data";
    });
  };
  return {
    display: createDisplay(show),
    newDisplay,
    versions: { tslab: "kernel-lib", typescript, node: process.version },
  };
}
