import { describe, expect, it } from "@jest/globals";
import { Command } from "commander";

import type { Environment, OperatorFlags, ShardFlags } from "./flags.ts";
import {
  addOperatorFlags,
  addShardFlags,
  shardOfFlags,
  clusterConfigOf,
  parseListen,
} from "./flags.ts";

function parse(args: readonly string[], env: Environment): OperatorFlags {
  const defaults = { name: "x-operator", namespace: "x-system" };
  const command = addOperatorFlags(new Command(), defaults, env);
  return command.parse([...args], { from: "user" }).opts<OperatorFlags>();
}

describe("common flags", () => {
  it("take name and namespace from the pod", () => {
    const flags = parse([], { POD_NAME: "x-0", POD_NAMESPACE: "somewhere" });
    expect(flags).toMatchObject({ identity: "x-0", namespace: "somewhere", leaderElect: true });
  });

  it("find the cluster through the pod's environment", () => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };
    expect(clusterConfigOf(parse([], env), env)).toMatchObject({ host: "10.0.0.1", port: 6443 });
  });

  it("prefer a kubeconfig, and say what is missing without one", () => {
    const flags = parse(["--kubeconfig", "k", "--context", "c"], {});
    expect(clusterConfigOf(flags, {})).toEqual({ kind: "kubeconfig", path: "k", context: "c" });
    expect(() => clusterConfigOf(parse([], {}), {})).toThrow("--kubeconfig FILE");
  });
});

describe("parseListen", () => {
  it.each([
    [":9090", { host: "0.0.0.0", port: 9090 }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    ["[::1]:80", { host: "::1", port: 80 }],
  ])("reads %s", (text, want) => expect(parseListen(text)).toEqual(want));

  it.each(["9090", "host:", "host:70000"])("refuses %s", (text) => {
    expect(() => parseListen(text)).toThrow("HOST:PORT");
  });
});

describe("flags of shards", () => {
  const parseShards = (...args: readonly string[]): ShardFlags =>
    addShardFlags(new Command())
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .parse([...args], { from: "user" })
      .opts<ShardFlags>();

  it("name a shard", () => {
    expect(shardOfFlags(parseShards())).toBeUndefined();
    expect(shardOfFlags(parseShards("--shard", "1/3"))).toEqual({ index: 1, count: 3 });
    const labelled = parseShards("--shard", "0/2", "--shard-label", "team");
    expect(shardOfFlags(labelled)).toEqual({ index: 0, count: 2, label: "team" });
  });

  it("are refused where they name none", () => {
    expect(() => shardOfFlags(parseShards("--shard-label", "team"))).toThrow("needs --shard");
    for (const text of ["3/3", "1", "a/b", "-1/2"]) {
      expect(() => parseShards(`--shard=${text}`)).toThrow("expected I/N");
    }
  });
});
