import { describe, expect, it } from "vitest";
import { explain } from "../../setup/errors.mjs";

const CASES = [
  ["npm, full disk", "npm error code ENOSPC\nnpm error syscall write", "the disk is full."],
  ["pip, full disk", "ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full."],
  ["a file, read-only", "EROFS: read-only file system, open 'x'", "a folder cannot be written."],
  ["npm, no rights", "npm error code EACCES", "a folder cannot be written."],
  ["npm, no network", "npm error code ENOTFOUND\nnpm error errno ENOTFOUND", "the network cannot be reached."],
  [
    "pip, no network",
    "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution found",
    "the network cannot be reached.",
  ],
] as const;

describe("explain", () => {
  it.each(CASES)("tells the cause: %s", (_, output, cause) => {
    const error = explain("npm packages", output);
    expect(error?.message).toContain(`Set-up stopped at "npm packages": ${cause}`);
    expect(error?.message).toContain("run the same command again");
  });

  it("does not guess at anything else", () => {
    expect(explain("npm packages", "npm error code ERESOLVE")).toBeNull();
  });
});
