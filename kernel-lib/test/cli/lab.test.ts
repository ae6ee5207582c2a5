import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { createLabCommand } from "../../src/cli/lab";

describe("createLabCommand", () => {
  it("says what to install where JupyterLab is missing", () => {
    expect(() => createLabCommand(tmpdir(), [], {})).toThrow(
      /JupyterLab must be installed in \.venv; it is not\. Install Python 3\.10/,
    );
  });
});
