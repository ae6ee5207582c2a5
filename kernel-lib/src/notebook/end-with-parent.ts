/**
 * Loaded into a kernel by `node --require`: ends it when the program that started it is gone, even if that was killed.
 * That program holds the other end of the kernel's stdin and writes nothing to it.
 */
process.stdin.once("close", () => process.exit(1));
process.stdin.resume();
(process.stdin as unknown as { unref?: () => void }).unref?.();
