#!/usr/bin/env node
// npx kernel-lib <command>. Plain JavaScript that is there before the library is compiled: npm links it at install time.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const compiled = new URL("../dist/cli/install-kernel.js", import.meta.url);

if (existsSync(fileURLToPath(compiled))) {
  const { main } = await import(compiled.href);
  process.exitCode = main(process.argv.slice(2), process.env);
} else {
  process.stderr.write("kernel-lib: the library is not compiled yet; run npm run setup first.\n");
  process.exitCode = 1;
}
