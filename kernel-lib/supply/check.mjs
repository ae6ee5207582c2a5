// Which packages the project stands on: licences against a written list, digests, exact versions, install scripts. Plain Node, without
// dependencies, as set-up is. Tested in test/supply.

/** Whether an SPDX expression is fulfilled by licences of the list: of OR one is enough, of AND all are needed. */
export function isAllowed(expression, licences) {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const unit = () => {
    if (tokens[at] !== "(") return licences.includes(tokens[at++]);
    at++;
    const inside = either();
    if (tokens[at++] !== ")") throw new SyntaxError(`an open parenthesis in ${expression}`);
    return inside;
  };
  const all = () => {
    let fulfilled = unit();
    while (tokens[at] === "AND") {
      at++;
      const next = unit();
      fulfilled = fulfilled && next;
    }
    return fulfilled;
  };
  const either = () => {
    let fulfilled = all();
    while (tokens[at] === "OR") {
      at++;
      const next = all();
      fulfilled = fulfilled || next;
    }
    return fulfilled;
  };
  const fulfilled = either();
  if (at !== tokens.length) throw new SyntaxError(`${expression} is no expression of licences`);
  return fulfilled;
}

/** Whether a stated licence is of the list; null and words that are no expression are not. */
function isListed(licence, licences) {
  try {
    return licence !== null && isAllowed(licence, licences);
  } catch {
    return false;
  }
}

/** "glsl-resolve/xtend" of "node_modules/glsl-resolve/node_modules/xtend". */
export const nameOf = (path) => path.replace(/^node_modules\//, "").replaceAll("/node_modules/", "/");

/** The entry of the list for a package that is looked at one by one; a name may end with "*". */
function exceptionFor(name, packages) {
  const key = Object.keys(packages).find((each) =>
    each.endsWith("*") ? name.startsWith(each.slice(0, -1)) : name === each,
  );
  return key === undefined ? null : { key, ...packages[key] };
}

/** Packages of a package-lock.json that come from a registry, by their names. */
export function packagesOf(lock) {
  return Object.entries(lock.packages)
    .filter(([path, { link }]) => path.startsWith("node_modules/") && link !== true)
    .map(([path, found]) => ({ name: nameOf(path), path, ...found }));
}

/** What is wrong with a package-lock.json, a sentence each. */
export function checkLock(lock, { licences, packages, installScripts }) {
  const faults = [];
  const used = new Set();
  for (const { name, version, license = null, integrity, resolved, hasInstallScript } of packagesOf(lock)) {
    const exception = exceptionFor(name, packages);
    if (exception !== null) used.add(exception.key);
    const isFine = exception === null ? isListed(license, licences) : exception.licence === license;
    if (!isFine)
      faults.push(`${name} ${version}: licence ${license ?? "not stated"} is not in kernel-lib/supply/allowed.json`);
    if (!/^sha512-/.test(integrity ?? "")) faults.push(`${name} ${version}: no SHA-512 in package-lock.json`);
    if (resolved !== undefined) faults.push(`${name} ${version}: package-lock.json holds an address`);
    if (hasInstallScript && installScripts[name] === undefined)
      faults.push(`${name} ${version}: has an install script`);
    if (hasInstallScript) used.add(name);
  }
  for (const key of [...Object.keys(packages), ...Object.keys(installScripts)])
    if (!used.has(key)) faults.push(`${key}: stands in kernel-lib/supply/allowed.json and is not used`);
  return faults;
}

/** Dependencies of a package.json that are no exact version, a sentence each. */
export function checkVersions({ dependencies = {}, devDependencies = {}, overrides = {} }) {
  const exact = /^(\d+\.\d+\.\d+|\$.+)$/;
  return Object.entries({ ...dependencies, ...devDependencies, ...overrides })
    .filter(([, version]) => !exact.test(version))
    .map(([name, version]) => `${name}: package.json must name an exact version; got ${version}`);
}

/** Lines of requirements files that are no exact version, a sentence each. */
export function checkRequirements(text, file) {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "" && !/^[A-Za-z0-9_.[\]-]+==[\w.]+(\s*;.+)?$/.test(line))
    .map((line) => `${file}: must name an exact version; got ${line}`);
}

/** How many packages have which licence, the most frequent first. */
export function countLicences(lock) {
  const counts = new Map();
  for (const { license = "not stated" } of packagesOf(lock)) counts.set(license, (counts.get(license) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

/** The licence that a Python package's METADATA states. */
export function pythonLicence(metadata) {
  const field = (name) => new RegExp(`^${name}: (.+)$`, "m").exec(metadata)?.[1]?.trim();
  const classifier = /^Classifier: License :: OSI Approved :: (.+)$/m.exec(metadata)?.[1]?.trim();
  const short = field("License");
  return field("License-Expression") ?? PYTHON_NAMES[classifier] ?? PYTHON_NAMES[short] ?? short?.slice(0, 60) ?? null;
}

/** What Python packages call licences that have a name in SPDX. */
const PYTHON_NAMES = {
  "MIT License": "MIT",
  "MIT license": "MIT",
  "BSD License": "BSD-3-Clause",
  BSD: "BSD-3-Clause",
  "BSD 3-Clause License": "BSD-3-Clause",
  "BSD-3-Clause License": "BSD-3-Clause",
  "Apache Software License": "Apache-2.0",
  "Apache License 2.0": "Apache-2.0",
  "Apache 2.0": "Apache-2.0",
  "Apache License, Version 2.0": "Apache-2.0",
  "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
  "Python Software Foundation License": "PSF-2.0",
  "ISC License (ISCL)": "ISC",
  "The Unlicense (Unlicense)": "Unlicense",
};

/** What is wrong with installed Python packages, a sentence each. @param installed names and their METADATA. */
export function checkPython(installed, { licences, python }) {
  return installed.flatMap(([name, metadata]) => {
    const licence = pythonLicence(metadata);
    const isFine = python[name] === undefined ? isListed(licence, licences) : python[name].licence === licence;
    return isFine
      ? []
      : [`${name} (Python): licence ${licence ?? "not stated"} is not in kernel-lib/supply/allowed.json`];
  });
}
