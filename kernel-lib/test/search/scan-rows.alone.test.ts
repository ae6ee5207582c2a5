import { describe, expect, it, vi } from "vitest";
import { EnvironmentError } from "../../src/base/errors";
import { chooseScanner, createFlatIndex, type Scanner } from "../../src/search/flat-index";
import { loadSearchAddon } from "../../src/search/search-addon";
import { clusteredRows, idsOf } from "./helpers";

vi.mock("../../src/search/search-addon", async (original) => {
  const real = await original<typeof import("../../src/search/search-addon")>();
  return { loadSearchAddon: vi.fn(real.loadSearchAddon) };
});

const native = chooseScanner();

describe("chooseScanner", () => {
  it("compares in JavaScript where the library is missing, and finds the same", async () => {
    vi.mocked(loadSearchAddon).mockImplementationOnce(() => {
      throw new EnvironmentError("loadSearchAddon: not here.");
    });
    const fallback = chooseScanner();
    expect(fallback.kind).toBe("javascript");
    const [corpus, queries] = [clusteredRows(700, 24, 4), clusteredRows(150, 24, 5)];
    const options = { excludeIds: Array.from({ length: 150 }, (_, q) => idsOf(q % 7)) };
    const search = (scanner: Scanner) => createFlatIndex(idsOf(700), corpus, scanner).search(queries, 9, options);
    expect(await search(fallback)).toEqual(await search(native));
  });

  it("does not hide other errors", () => {
    vi.mocked(loadSearchAddon).mockImplementationOnce(() => {
      throw new RangeError("broken");
    });
    expect(chooseScanner).toThrow("broken");
  });
});
