import { existsSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseArguments } from "../../setup/arguments.mjs";
import { binding } from "../../setup/steps/binding.mjs";
import { kernelSpec } from "../../setup/steps/kernel-spec.mjs";
import { packages } from "../../setup/steps/packages.mjs";
import { python } from "../../setup/steps/python.mjs";
import { fakeCheckout, fakeContext, fakeProgram, place, temporaryFolder } from "./fakes";

const WHEEL = ".venv/lib/python3.11/site-packages/tensorflow";
const NODE_PACKAGE = "node_modules/@tensorflow/tfjs-node";

function bindingContext(compiler: string) {
  const root = temporaryFolder();
  place(root, `${WHEEL}/libtensorflow_cc.so.2`);
  place(root, `${NODE_PACKAGE}/binding/tfjs_binding.cc`);
  fakeProgram(join(root, "bin"), "g++", compiler);
  return fakeContext(root, join(root, "bin"));
}

describe.runIf(process.platform === "linux")("the native engine's step", () => {
  it("links the wheel by relative paths and compiles into place", async () => {
    const context = bindingContext('while [ "$1" != "-o" ]; do shift; done; echo built > "$2"');
    const outputs = await binding.run(context);
    expect(outputs[0]).toBe(`${NODE_PACKAGE}/lib/napi-v8/tfjs_binding.node`);
    expect(readFileSync(join(context.root, outputs[0] ?? ""), "utf8")).toBe("built\n");
    const link = readlinkSync(join(context.root, NODE_PACKAGE, "deps/lib/libtensorflow.so"));
    expect(link).toBe("../../../../../.venv/lib/python3.11/site-packages/tensorflow/libtensorflow_cc.so.2");
  });

  it("is left out with the compiler's last word when that fails", async () => {
    const context = bindingContext("echo 'napi.h: not found' >&2; exit 1");
    await expect(binding.run(context)).rejects.toMatchObject({
      name: "StepSkipped",
      message: "the compiler failed (napi.h: not found)",
      advice: "See .setup/logs/binding.log.",
    });
    expect(readFileSync(join(context.root, ".setup/logs/binding.log"), "utf8")).toBe("napi.h: not found\n");
  });

  it("is left out where no compiler is", async () => {
    const context = fakeContext(temporaryFolder(), "/nowhere");
    await expect(binding.run(context)).rejects.toThrow("no C++ compiler was found");
  });
});

describe("the Python step", () => {
  const PYTHON = `case "$2" in
import*) echo True ;;
venv) /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python; : > .venv/bin/jupyter ;;
pip) echo "$PIP_SAYS"; exit "$PIP_ENDS" ;;
esac`;

  function pythonContext(says: string, ends: string) {
    const root = temporaryFolder();
    fakeProgram(join(root, "bin"), "python3", PYTHON);
    const context = fakeContext(root, join(root, "bin"));
    return { ...context, env: { ...context.env, PIP_SAYS: says, PIP_ENDS: ends } };
  }

  it("makes .venv and proves it by its programs", async () => {
    const context = pythonContext("", "0");
    expect(await python.run(context)).toEqual([".venv/bin/jupyter", join(context.root, ".venv/bin/python")]);
  });

  it("leaves a linked environment alone: it may be another checkout's", async () => {
    const context = pythonContext("", "0");
    const shared = temporaryFolder();
    place(shared, "bin/jupyter");
    symlinkSync(shared, join(context.root, ".venv"));
    await expect(python.run(context)).rejects.toThrow(/must be a folder of this checkout; got a link to/);
    expect(existsSync(join(shared, "bin/jupyter"))).toBe(true);
  });

  it("stops set-up without a network, instead of calling it a missing package", async () => {
    const context = pythonContext("NewConnectionError: Name or service not known", "1");
    await expect(python.run(context)).rejects.toThrow("the network cannot be reached");
  });

  it("never uses the Python inside .venv to make .venv", async () => {
    const root = temporaryFolder();
    fakeProgram(join(root, ".venv/bin"), "python3", PYTHON);
    await expect(python.run(fakeContext(root, join(root, ".venv/bin")))).rejects.toThrow("no Python was found");
  });

  it("wants Python 3.10 with venv", async () => {
    const root = temporaryFolder();
    fakeProgram(join(root, "bin"), "python3", "echo False");
    await expect(python.run(fakeContext(root, join(root, "bin")))).rejects.toThrow(
      "no Python 3.10+ with the venv module was found",
    );
  });
});

describe("the npm step", () => {
  it("depends on dependencies and the lock, not on scripts", () => {
    const root = fakeCheckout();
    const before = packages.inputs(fakeContext(root, ""));
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    place(root, "package.json", JSON.stringify({ ...manifest, scripts: { new: "x" } }));
    expect(packages.inputs(fakeContext(root, ""))).toEqual(before);
    place(root, "package.json", JSON.stringify({ ...manifest, dependencies: { arquero: "8.0.3" } }));
    expect(packages.inputs(fakeContext(root, ""))).not.toEqual(before);
  });
});

describe("the kernel step", () => {
  it("names this Node and this checkout's kernel, and brings its logo", async () => {
    const root = temporaryFolder();
    place(root, "kernel-lib/kernelspec/logo-svg.svg", "<svg/>");
    const [file = ""] = await kernelSpec.run(fakeContext(root, ""));
    expect(existsSync(join(root, file))).toBe(true);
    expect(JSON.parse(readFileSync(join(root, file), "utf8"))).toEqual({
      argv: [process.execPath, join(root, "kernel-lib/dist/kernel/serve/main.js"), "{connection_file}"],
      display_name: "TypeScript (kernel-lib)",
      language: "typescript",
      interrupt_mode: "message",
    });
    expect(readFileSync(join(root, dirname(file), "logo-svg.svg"), "utf8")).toBe("<svg/>");
  });
});

describe("parseArguments", () => {
  it("keeps a command's own arguments apart", () => {
    expect(parseArguments(["--then", "reproduce", "--", "--gpu", "x"])).toEqual({
      variant: null,
      command: "reproduce",
      rest: ["--gpu", "x"],
    });
  });

  it("refuses what it does not know, and says what there is", () => {
    expect(() => parseArguments(["--fast"])).toThrow(/"--fast" is not an option of set-up.\nUse: npm run setup/);
  });
});
