import { describe, expect, it } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { input, memory, setTypeErrors, time } from "../../src/notebook/cell-tools";

describe("functions for cells", () => {
  it("time gives the value and how long it took", async () => {
    const { value, ms, processorMs } = await time(() => new Promise((done) => setTimeout(() => done("x"), 30)));
    expect(value).toBe("x");
    expect(ms).toBeGreaterThan(20);
    expect(processorMs).toBeGreaterThanOrEqual(0);
    await expect(time(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("memory counts in MiB", () => {
    const { resident, heap } = memory();
    expect(resident).toBeGreaterThan(heap);
    expect(heap).toBeGreaterThan(5);
  });

  it("input needs the kernel; a wrong setting is refused", async () => {
    await expect(input("?")).rejects.toSatisfy((error) => isKernelError(error, "state"));
    expect(() => setTypeErrors("warm" as "warn")).toThrow("setTypeErrors: mode");
    expect(() => setTypeErrors("warn")).not.toThrow();
  });
});
