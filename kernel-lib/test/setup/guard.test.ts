import { connect } from "node:net";
import { describe, expect, it } from "vitest";

describe("the guard of the tests", () => {
  it("refuses a connection to another machine", () => {
    expect(() => connect({ host: "192.0.2.1", port: 9 })).toThrow("A test reached for the network: 192.0.2.1.");
  });
});
