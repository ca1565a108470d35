import { describe, expect, it } from "@jest/globals";

import { differences, exactDifferences } from "./match.ts";

const paths = (desired: unknown, live: unknown): readonly string[] =>
  differences(desired, live).map((one) => one.path);

describe("differences", () => {
  it.each([
    { name: "what we do not mention", desired: { a: 1 }, live: { a: 1, b: 2 }, want: [] },
    { name: "another value", desired: { a: { b: 1 } }, live: { a: { b: 2 } }, want: ["a.b"] },
    { name: "a missing map", desired: { a: { b: 1 } }, live: {}, want: ["a"] },
    { name: "empty and absent", desired: { a: {}, b: [] }, live: {}, want: [] },
    {
      name: "a key with a slash",
      desired: { labels: { "x/y": "1" } },
      live: { labels: {} },
      want: ["labels[x/y]"],
    },
    {
      name: "a key that looks like an element",
      desired: { data: { "[0]": "1" } },
      live: { data: {} },
      want: ["data[[0]]"],
    },
    {
      name: "a foreign element of a list map",
      desired: { containers: [{ name: "a", image: "1" }] },
      live: { containers: [{ name: "sidecar" }, { name: "a", image: "1", tty: false }] },
      want: [],
    },
    {
      name: "a field in an element of a list map",
      desired: { containers: [{ name: "a", image: "1" }] },
      live: { containers: [{ name: "a", image: "2" }] },
      want: ["containers[name=a].image"],
    },
    {
      name: "a missing element of a list map",
      desired: { env: [{ name: "A" }] },
      live: { env: [{ name: "B" }] },
      want: ["env[name=A]", "env[name=A]"],
    },
    {
      name: "an atomic list that grew",
      desired: { args: ["a"] },
      live: { args: ["a", "b"] },
      want: ["args"],
    },
    {
      name: "a selector with a foreign key: it is one value",
      desired: { selector: { app: "a" } },
      live: { selector: { app: "a", wrong: "yes" } },
      want: ["selector"],
    },
    {
      name: "labels with a foreign key: each is its own",
      desired: { labels: { app: "a" } },
      live: { labels: { app: "a", team: "blue" } },
      want: [],
    },
    {
      name: "an atomic list in another order",
      desired: { args: ["a", "b"] },
      live: { args: ["b", "a"] },
      want: ["args[0]", "args[1]"],
    },
    {
      name: "defaults inside an atomic list",
      desired: { metrics: [{ type: "Resource" }] },
      live: { metrics: [{ type: "Resource", extra: 1 }] },
      want: [],
    },
    {
      name: "a port without a protocol is TCP",
      desired: { ports: [{ port: 80 }] },
      live: {
        ports: [
          { port: 80, protocol: "TCP", targetPort: 80 },
          { port: 80, protocol: "UDP" },
        ],
      },
      want: [],
    },
    { name: "a set", desired: { finalizers: ["a"] }, live: { finalizers: ["b", "a"] }, want: [] },
    {
      name: "a set without ours",
      desired: { finalizers: ["a"] },
      live: { finalizers: ["b"] },
      want: ["finalizers[a]"],
    },
    { name: "a scalar of another type", desired: { a: 1 }, live: { a: "1" }, want: ["a"] },
    { name: "a list where a map was", desired: { a: [1] }, live: { a: { b: 1 } }, want: ["a"] },
  ])("$name", ({ desired, live, want }) => {
    expect(paths(desired, live)).toEqual(want);
  });

  it.each([
    ["1000m", "1", true],
    ["1024Mi", "1Gi", true],
    ["1.5Gi", "1536Mi", true],
    ["0.1", "100m", true],
    ["1e3", "1k", true],
    ["1G", "1Gi", false],
    ["1", "2", false],
    ["", "0", false],
  ])("quantities %s and %s", (desired, live, equal) => {
    expect(paths({ requests: { cpu: desired } }, { requests: { cpu: live } })).toHaveLength(
      equal ? 0 : 1,
    );
  });

  it("text that only looks like a quantity is compared as text", () => {
    expect(paths({ data: { a: "1000m" } }, { data: { a: "1" } })).toEqual(["data.a"]);
  });
});

describe("exactDifferences", () => {
  it("counts what is there beyond the desired, both ways once", () => {
    const desired = { a: 1, conditions: [{ type: "Ready", status: "True" }] };
    const live = {
      a: 1,
      b: 2,
      conditions: [{ type: "Ready", status: "True" }, { type: "Stalled" }],
    };
    expect(exactDifferences(desired, live).map((one) => one.path)).toEqual(["b", "conditions[1]"]);
    expect(exactDifferences(live, live)).toEqual([]);
  });
});
