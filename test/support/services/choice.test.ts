import { describe, expect, it } from "@jest/globals";

import { chooseSource, type Command, type HostFacts } from "./choice.ts";
import type { ServiceName } from "./model.ts";

function host(options: {
  docker?: boolean;
  commands?: readonly Command[];
  cached?: readonly ServiceName[];
  long?: boolean;
}): HostFacts {
  return {
    dockerRuns: options.docker ?? false,
    commands: new Set(options.commands),
    cached: new Set(options.cached),
    allowLongBuild: options.long ?? false,
  };
}

const NAMES: readonly ServiceName[] = ["etcd", "prometheus", "zenoh"];

describe("chooseSource", () => {
  it.each(NAMES)("takes %s from Docker where it runs, else from the caches", (name) => {
    const all = host({ docker: true, cached: NAMES, commands: ["go", "prometheus", "zenohd"] });
    expect(chooseSource(name, all)).toEqual({ kind: "container" });
    expect(chooseSource(name, { ...all, dockerRuns: false })).toEqual({ kind: "cached" });
  });

  it.each([
    { name: "etcd", commands: ["go"], want: { kind: "go-module" } },
    { name: "prometheus", commands: ["apt-get", "dpkg-deb"], want: { kind: "debian-package" } },
    {
      name: "prometheus",
      commands: ["apt-get", "dpkg-deb", "prometheus"],
      want: { kind: "in-path", command: "prometheus" },
    },
    { name: "zenoh", commands: ["cargo", "zenohd"], want: { kind: "in-path", command: "zenohd" } },
  ] as const)("$name with $commands: $want.kind", ({ name, commands, want }) => {
    expect(chooseSource(name, host({ commands }))).toEqual(want);
  });

  it("does not take an etcd of unknown version from PATH", () => {
    expect(chooseSource("etcd", host({ commands: ["etcd"] }))).toMatchObject({
      kind: "unavailable",
    });
  });

  it("builds a Zenoh router only when that was asked for, and says so", () => {
    expect(chooseSource("zenoh", host({ commands: ["cargo"] }))).toEqual({
      kind: "unavailable",
      message: expect.stringContaining("allowLongBuild"),
    });
    expect(chooseSource("zenoh", host({ commands: ["cargo"], long: true }))).toEqual({
      kind: "crate",
    });
  });

  it.each(NAMES)("says what %s needs on a machine with nothing", (name) => {
    expect(chooseSource(name, host({}))).toEqual({
      kind: "unavailable",
      message: expect.stringContaining("Docker"),
    });
  });
});
