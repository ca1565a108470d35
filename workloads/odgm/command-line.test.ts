// The command line and ODGM_COLLECTION, without a process.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { parseCommandLine } from "./options.ts";
import { contentDigest } from "./spec.ts";
import { parseCollections } from "./standalone.ts";

describe("the command line", () => {
  it("wins over the environment", () => {
    const env = { ODGM_DATA_DIR: "from-env", ODGM_LISTEN: "127.0.0.1:1", ODGM_LOG: "warn" };
    const result = parseCommandLine(["--data", "d", "--listen", "127.0.0.1:2"], env);
    expect(result).toMatchObject({
      kind: "run",
      config: { dataDir: "d", listen: { host: "127.0.0.1", port: 2 }, logLevel: "warn" },
    });
  });

  it("names flags, variables and what has no effect in its help", () => {
    const result = parseCommandLine(["--help"], {});
    expect(result).toMatchObject({ kind: "exit", code: 0, error: "" });
    const out = result.kind === "exit" ? result.out : "";
    for (const text of ["--collections", "ODGM_COLLECTION", "ODGM_MEMBERS", "RUST_LOG"]) {
      expect(out).toContain(text);
    }
  });

  it("has a command that compacts a store", () => {
    const result = parseCommandLine(["compact", "--data", "d"], { ODGM_DATA_DIR: "other" });
    expect(result).toEqual({ kind: "compact", dataDir: "d" });
  });

  const member = ["--member", "a.B", "--ordinal", "0", "--data", "x"];
  const refused: readonly { name: string; args: readonly string[]; want: RegExp }[] = [
    { name: "an unknown flag", args: ["--nothing"], want: /unknown option/ },
    { name: "compact without a folder", args: ["compact"], want: /option '--data <folder>'/ },
    { name: "another command", args: ["defrag"], want: /too many arguments/ },
    { name: "no data folder", args: [], want: /ODGM_DATA_DIR is required/ },
    { name: "a member without certificates", args: member, want: /ODGM_TLS_DIR is required/ },
    {
      name: "--insecure on every address",
      args: [...member, "--insecure"],
      want: /ODGM_INSECURE: refused, 0\.0\.0\.0 is not a loopback address/,
    },
    {
      name: "a collections file that is not there",
      args: ["--data", "x", "--collections", "/nowhere/file.json"],
      want: /--collections: .*ENOENT/,
    },
  ];
  it.each(refused)("is refused with $name", ({ args, want }) => {
    const result = parseCommandLine(args, {});
    expect(result).toMatchObject({ kind: "exit", code: 2 });
    expect(result.kind === "exit" ? result.error : "").toMatch(want);
  });
});

describe("ODGM_COLLECTION", () => {
  const upstream = {
    name: "example.record",
    partition_count: 2,
    replica_count: 1,
    shard_type: "none",
    shard_assignments: [],
    options: { invoke_only_primary: "true" },
    invocations: {
      fn_routes: {
        echo: { url: "http://echo-fn", stateless: true, standby: false, active_group: [] },
      },
      disabled_fn: ["echo"],
    },
  };

  it("is read as upstream writes it", () => {
    const [spec] = parseCollections(JSON.stringify([upstream]));
    expect(spec).toMatchObject({
      collection: "example.record",
      package: "example",
      partitioning: "Explicit",
      shardType: "Basic",
      options: { invoke_only_primary: "true" },
      functions: [{ name: "echo", url: "http://echo-fn", stateless: true, disabled: true }],
    });
    expect(spec?.partitions.map(({ partition }) => partition)).toEqual([0, 1]);
  });

  it("tolerates missing fields", () => {
    const [spec] = parseCollections('[{"name":"a"}]');
    expect(spec).toMatchObject({ collection: "a", package: "", functions: [] });
    expect(spec?.partitions).toHaveLength(1);
  });

  it("takes a Raft group of one", () => {
    const [spec] = parseCollections('[{"name":"a","shard_type":"raft"}]');
    expect(spec).toMatchObject({ shardType: "Raft", partitions: [{ founders: ["alone"] }] });
  });

  const refused: readonly { given: unknown; want: RegExp }[] = [
    { given: {}, want: /\$: must be a list/ },
    { given: ["a"], want: /\$\[0\]: must be an object/ },
    { given: [{ name: "" }], want: /\$\[0\]\.name: is required/ },
    { given: [{ name: 7 }], want: /\$\[0\]\.name: must be a text/ },
    { given: [{ name: "a", partition_count: 0 }], want: /partition_count: 1 to/ },
    { given: [{ name: "a", partition_count: 1.5 }], want: /must be a whole number/ },
    { given: [{ name: "a", replica_count: 3 }], want: /3 replicas are not served/ },
    { given: [{ name: "a", shard_type: "paxos" }], want: /"paxos" is not served alone/ },
    { given: [{ name: "a", options: { nope: "1" } }], want: /options\.nope: unknown option/ },
    { given: [{ name: "a", options: { mst_sync_interval: 5 } }], want: /must be a text/ },
    {
      given: [{ name: "a", invocations: { fn_routes: { f: { url: "wasm://f" } } } }],
      want: /fn_routes\.f: WASM functions are not served/,
    },
    { given: [{ name: "a" }, { name: "a" }], want: /collection a is named twice/ },
  ];
  it.each(refused)("is refused: $want", ({ given, want }) => {
    expect(() => parseCollections(JSON.stringify(given))).toThrow(want);
  });

  it("that is not JSON is refused", () => {
    expect(() => parseCollections("[")).toThrow(/not JSON/);
  });
});

describe("the image", () => {
  it("names the version of the package", () => {
    const root = join(import.meta.dirname, "..", "..");
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly version: string;
    };
    const dockerfile = readFileSync(join(import.meta.dirname, "Dockerfile"), "utf8");
    expect(dockerfile).toContain(`OAAS_VERSION=${manifest.version}\n`);
  });
});

describe("the digest of a generation", () => {
  const parse = (options: object) =>
    parseCollections(JSON.stringify([{ name: "a", options }]))[0] ?? fail();
  const fail = (): never => {
    throw new Error("one collection");
  };

  it("does not depend on the order of maps or the number of the generation", () => {
    const one = parse({ mst_sync_interval: "1", offload_max_pool_size: "2" });
    const other = parse({ offload_max_pool_size: "2", mst_sync_interval: "1" });
    other.generation = 9n;
    expect(contentDigest(one)).toBe(contentDigest(other));
    expect(contentDigest(one)).not.toBe(contentDigest(parse({ mst_sync_interval: "1" })));
  });
});
