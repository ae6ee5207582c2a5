// As much of vitest as the tests of the rooms need, in one process: describe, test, each, hooks, expect with vitest's own matchers.

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import * as spies from "@vitest/spy";
import * as chai from "chai";

const TEST_MS = 600_000; // of a busy machine; what never ends is stopped from outside

function createExpect() {
  for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
  const expect = (value, message) => chai.expect(value, message);
  Object.assign(expect, chai.expect, globalThis[ASYMMETRIC_MATCHERS_OBJECT]);
  expect.getState = () => getState(expect);
  expect.setState = (state) => setState(state, expect);
  setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect);
  Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });
  return expect;
}

const newSuite = (name, parent) => ({
  name,
  parent,
  children: [],
  beforeAll: [],
  afterAll: [],
  beforeEach: [],
  afterEach: [],
});

/** Behind the name: the function and, before or behind it, options. */
const functionOf = (rest) => rest.find((each) => typeof each === "function");

export async function createTests() {
  let [suite, file, count] = [null, "", 0];
  const test = (name, ...rest) => suite.children.push({ id: `${file}#${count++}`, name, run: functionOf(rest) });
  const describe = (name, ...rest) => {
    const outer = suite;
    suite = newSuite(name, outer);
    outer.children.push(suite);
    functionOf(rest)();
    suite = outer;
  };
  const each =
    (add) =>
    (rows) =>
    (name, ...rest) => {
      const run = functionOf(rest);
      for (const row of rows) add(name, () => (Array.isArray(row) ? run(...row) : run(row)));
    };
  test.each = each(test);
  describe.each = each(describe);
  const hook = (kind) => (run) => void suite[kind].push(run);
  const hooks = Object.fromEntries(
    ["beforeAll", "afterAll", "beforeEach", "afterEach"].map((kind) => [kind, hook(kind)]),
  );
  const undo = [];
  const setVariable = (name, value) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  const vi = {
    fn: spies.fn,
    spyOn: spies.spyOn,
    mocked: (value) => value,
    stubEnv(name, value) {
      undo.push([name, process.env[name]]);
      setVariable(name, value);
    },
    unstubAllEnvs() {
      for (const [name, value] of undo.splice(0).reverse()) setVariable(name, value);
    },
  };

  /** Runs the wanted tests of a suite. @returns the first failure, or null. */
  async function run(node, control, outer = []) {
    const chain = [...outer, node];
    const hasWanted = (each) => (each.children === undefined ? control.wanted(each.id) : each.children.some(hasWanted));
    if (!hasWanted(node)) return null;
    try {
      for (const before of node.beforeAll) await before();
      for (const child of node.children) {
        const failure =
          child.children !== undefined
            ? await run(child, control, chain)
            : control.wanted(child.id)
              ? await runOne(child, chain, control)
              : null;
        if (failure !== null) return failure;
      }
      return null;
    } catch (error) {
      return { name: node.name, error };
    } finally {
      for (const after of node.afterAll)
        await Promise.resolve()
          .then(after)
          .catch(() => {}); // what failed before is told
    }
  }

  async function runOne({ id, name, run: body }, chain, control) {
    control.onTest(id);
    let timer;
    const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error("too slow")), TEST_MS)));
    try {
      for (const { beforeEach } of chain) for (const before of beforeEach) await before();
      await Promise.race([Promise.resolve().then(() => body({})), late]);
      for (const { afterEach } of [...chain].reverse()) for (const after of afterEach) await after();
      return null;
    } catch (error) {
      for (const { afterEach } of [...chain].reverse())
        for (const after of afterEach)
          await Promise.resolve()
            .then(after)
            .catch(() => {});
      return { name, error };
    } finally {
      clearTimeout(timer);
      control.onEnd();
      vi.unstubAllEnvs();
    }
  }

  return {
    vitest: { describe, test, it: test, expect: createExpect(), vi, ...hooks },
    run,
    collect(path, load) {
      [suite, file, count] = [newSuite(path, null), path, 0];
      load();
      return suite;
    },
  };
}
