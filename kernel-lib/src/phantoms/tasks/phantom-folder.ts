import { join } from "node:path";
import type { Control } from "../../base/types";
import { keepFolder } from "../../store/folder";
import type { PhantomSize, PhantomTask } from "./phantom-task";

/** What a stand-in's manifest says of it. */
interface PhantomFacts {
  readonly phantom: string;
  readonly version: number;
  readonly size: PhantomSize;
  readonly seed: number;
}

/** Where a stand-in's files lie once they are made. */
export function phantomPlace(
  name: string,
  { version }: Pick<PhantomTask, "version">,
  { seed, size, cacheDir }: { readonly seed: number; readonly size: PhantomSize; readonly cacheDir: string },
): string {
  return join(cacheDir, name, `v${version}-${size}-${seed}`);
}

/**
 * The folder of a stand-in's files: made once, then found, by one of the processes that want it at once. A damaged one is made
 * again, never read.
 *
 * @param cacheDir where stand-ins are kept.
 */
export async function phantomFolder(
  name: string,
  phantom: PhantomTask,
  options: { readonly seed: number; readonly size: PhantomSize; readonly cacheDir: string; readonly control: Control },
): Promise<string> {
  const { seed, size, control } = options;
  const facts: PhantomFacts = { phantom: name, version: phantom.version, size, seed };
  const { folder } = await keepFolder(
    { folder: phantomPlace(name, phantom, options), identity: facts },
    async (draft) => {
      await phantom.write({ folder: draft.folder, seed, size, control });
      return facts;
    },
    { where: "phantomFolder", what: name, control },
  );
  return folder;
}
