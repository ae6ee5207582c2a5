import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

interface Package {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}
interface Allowed {
  readonly licences: readonly string[];
  readonly packages: Readonly<Record<string, { licence: string | null; reason: string }>>;
  readonly python: Readonly<Record<string, { licence: string; reason: string }>>;
  readonly installScripts: Readonly<Record<string, string>>;
}
interface Supply {
  isAllowed(expression: string, licences: readonly string[]): boolean;
  checkLock(lock: { packages: Record<string, Package> }, allowed: Allowed): string[];
  checkVersions(manifest: Record<string, Record<string, string>>): string[];
  checkRequirements(text: string, file: string): string[];
  checkPython(installed: readonly (readonly [string, string])[], allowed: Allowed): string[];
  pythonLicence(metadata: string): string | null;
}

const ROOT = join(__dirname, "../../..");
const supply = (await import(join(ROOT, "kernel-lib/supply/check.mjs"))) as Supply;
const json = (...path: string[]) => JSON.parse(readFileSync(join(ROOT, ...path), "utf8"));
const ALLOWED = json("kernel-lib/supply/allowed.json") as Allowed;

describe("what the project stands on", () => {
  test("has the licences, digests and install scripts of the written list, and nothing else", () => {
    expect(supply.checkLock(json("package-lock.json"), ALLOWED)).toEqual([]);
    const reasons = [...Object.values(ALLOWED.packages), ...Object.values(ALLOWED.python)].map(({ reason }) => reason);
    expect([...reasons, ...Object.values(ALLOWED.installScripts)].every((reason) => reason.length > 10)).toBe(true);
  });

  test("is named by exact versions", () => {
    expect(supply.checkVersions(json("package.json"))).toEqual([]);
    const files = readdirSync(ROOT).filter((name) => /^requirements.*\.txt$/.test(name));
    expect(files.length).toBeGreaterThan(2);
    const faults = files.flatMap((name) => supply.checkRequirements(readFileSync(join(ROOT, name), "utf8"), name));
    expect(faults).toEqual([]);
  });
});

const list: Allowed = {
  licences: ["MIT", "ISC"],
  packages: { "libvips-*": { licence: "LGPL-3.0", reason: "linked" } },
  python: { certifi: { licence: "MPL-2.0", reason: "a list" } },
  installScripts: { builds: "never run" },
};
const fine: Package = { version: "1.0.0", license: "MIT", integrity: "sha512-x" };
const vips = { "node_modules/libvips-linux": { ...fine, license: "LGPL-3.0" } };
const builds = { "node_modules/builds": { ...fine, hasInstallScript: true } };
const faultsOf = (packages: Record<string, Package>) =>
  supply.checkLock({ packages: { "": {}, ...vips, ...builds, ...packages } }, list);

describe("a package-lock.json", () => {
  test("passes with packages of the list, links among them", () => {
    expect(faultsOf({ "node_modules/a": fine, "node_modules/b/node_modules/a": fine, "kernel-lib": {} })).toEqual([]);
    expect(faultsOf({ "node_modules/kernel-lib": { link: true, resolved: "kernel-lib" } })).toEqual([]);
  });

  test.each<[string, Package, RegExp]>([
    ["another licence", { ...fine, license: "GPL-3.0-only" }, /^a 1\.0\.0: licence GPL-3\.0-only is not in/],
    [
      "words for a licence",
      { ...fine, license: "SEE LICENSE IN file" },
      /^a 1\.0\.0: licence SEE LICENSE IN file is not in/,
    ],
    ["no licence", { version: "1.0.0", integrity: "sha512-x" }, /^a 1\.0\.0: licence not stated is not in/],
    ["no digest", { version: "1.0.0", license: "MIT" }, /^a 1\.0\.0: no SHA-512/],
    ["an old digest", { ...fine, integrity: "sha1-x" }, /^a 1\.0\.0: no SHA-512/],
    ["an address", { ...fine, resolved: "https://a.example/a.tgz" }, /^a 1\.0\.0: .* holds an address/],
    ["an install script", { ...fine, hasInstallScript: true }, /^a 1\.0\.0: has an install script/],
  ])("is refused with %s", (_, found, wording) => {
    const faults = faultsOf({ "node_modules/a": found });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(wording);
  });

  test("is refused where a package of the list has another licence now, or is not there any more", () => {
    expect(faultsOf({ "node_modules/libvips-mac": { ...fine, license: "GPL-2.0" } })[0]).toMatch(
      /^libvips-mac .*GPL-2\.0/,
    );
    expect(supply.checkLock({ packages: {} }, list)).toEqual([
      "libvips-*: stands in kernel-lib/supply/allowed.json and is not used",
      "builds: stands in kernel-lib/supply/allowed.json and is not used",
    ]);
  });
});

test.each([
  ["MIT", true],
  ["GPL-3.0", false],
  ["MIT OR GPL-3.0", true],
  ["GPL-3.0 OR MIT", true],
  ["MIT AND GPL-3.0", false],
  ["(MIT AND ISC)", true],
  ["GPL-3.0 OR (MIT AND ISC)", true],
  ["(GPL-3.0 OR MIT) AND ISC", true],
  ["MIT OR GPL-3.0 AND GPL-2.0", true],
])("%s is allowed by MIT and ISC: %s", (expression, allowed) => {
  expect(supply.isAllowed(expression, ["MIT", "ISC"])).toBe(allowed);
});

test.each(["MIT ISC", "(MIT", "SEE LICENSE IN file"])("%s is no expression", (expression) => {
  expect(() => supply.isAllowed(expression, ["MIT", "ISC"])).toThrow(SyntaxError);
});

test("versions with a range are refused, in either manifest", () => {
  const manifest = {
    dependencies: { a: "^1.0.0", b: "1.0.0" },
    devDependencies: { c: "latest" },
    overrides: { d: "$b" },
  };
  expect(supply.checkVersions(manifest)).toEqual([
    "a: package.json must name an exact version; got ^1.0.0",
    "c: package.json must name an exact version; got latest",
  ]);
  expect(supply.checkRequirements('# words\na==1.0; python_version >= "3.11"\nb>=2\n\nc', "r.txt")).toEqual([
    "r.txt: must name an exact version; got b>=2",
    "r.txt: must name an exact version; got c",
  ]);
});

test("the licence of a Python package is what its METADATA states, in SPDX's words", () => {
  const licences = [
    "License-Expression: BSD-3-Clause\n",
    "License: MIT License\n",
    "Classifier: License :: OSI Approved :: Apache Software License\n",
    "License: GPL\n",
    "Name: a\n",
  ].map(supply.pythonLicence);
  expect(licences).toEqual(["BSD-3-Clause", "MIT", "Apache-2.0", "GPL", null]);
  const installed = [
    ["a", "License-Expression: MIT\n"],
    ["b", "License: GPL\n"],
    ["certifi", "License: MPL-2.0\n"],
  ] as const;
  expect(supply.checkPython(installed, list)).toEqual([
    "b (Python): licence GPL is not in kernel-lib/supply/allowed.json",
  ]);
});
