// The program as a program: its command line, its folder, its end.
import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "@jest/globals";
import { status } from "@grpc/grpc-js";

import { HealthCheckResponse_ServingStatus as Serving, Health } from "#api/gen/grpc-health_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { createGrpcClient, silentLogger, StreamClient } from "#workloads/platform/index.ts";

import { DataClient, failureOf } from "./data-client.ts";
import {
  clearAll,
  launch,
  scratch,
  standaloneArgs,
  startOdgm,
  startStandalone,
  stopOdgm,
} from "./odgm-process.ts";

const cls = "example.record";
const options = { timeoutMs: 10_000 };

afterAll(clearAll);

describe("the command line", () => {
  it("has help that names flags, variables and what has no effect", async () => {
    const { ended, log } = launch({ args: ["--help"] });
    expect(await ended).toMatchObject({ code: 0 });
    for (const text of ["--collections", "ODGM_COLLECTION", "ODGM_MEMBERS", "--insecure"]) {
      expect(log()).toContain(text);
    }
  });

  it("is refused before anything is touched", async () => {
    const dataDir = join(scratch(), "never");
    const insecure = ["--member", "a.B", "--ordinal", "0", "--data", dataDir, "--insecure"];
    const { ended, log } = launch({ args: insecure });
    expect(await ended).toMatchObject({ code: 2 });
    expect(log()).toMatch(/ODGM_INSECURE: refused, 0\.0\.0\.0 is not a loopback address/);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe("the folder", () => {
  it("is only formatted when asked to, and keeps what it was formatted with", async () => {
    const dataDir = scratch();
    const empty = await startOdgm({ args: standaloneArgs(dataDir) });
    const client = new DataClient(empty.at("grpc"), cls);
    expect(await failureOf(client.set("a", {}))).toMatchObject({ code: "STORE_EMPTY" });
    expect(existsSync(join(dataDir, "format.json"))).toBe(false);
    client.close();
    await stopOdgm(empty);

    const first = await startStandalone([{ name: cls }], { dataDir });
    const writer = new DataClient(first.at("grpc"), cls);
    await writer.set("a", { k: "v" });
    writer.close();
    await stopOdgm(first);

    const other = await startStandalone([{ name: "other" }], { dataDir });
    const reader = new DataClient(other.at("grpc"), cls);
    expect(await reader.get("a")).toEqual({ k: "v" });
    expect(other.log()).toMatch(/keeps other collections than those given/);
    expect(await failureOf(new DataClient(other.at("grpc"), "other").get("a"))).toMatchObject({
      code: "NO_CLASS",
    });
    reader.close();
    await stopOdgm(other);
    expect(readdirSync(dataDir).sort()).toEqual([
      "ballast",
      "format.json",
      "lock",
      "log",
      "store.mdb",
      "store.mdb-lock",
    ]);
  });

  it("is refused once a commit has failed there", async () => {
    const dataDir = scratch();
    await stopOdgm(await startStandalone([{ name: cls }], { dataDir }));
    writeFileSync(join(dataDir, "SUSPECT"), "commit failed: EIO\n");
    const odgm = await startStandalone([{ name: cls }], { dataDir });
    const client = new DataClient(odgm.at("grpc"), cls);
    expect(await failureOf(client.get("a"))).toMatchObject({
      status: status.UNAVAILABLE,
      code: "STORE_REFUSED",
      message: "the store is suspect: commit failed: EIO",
    });
    client.close();
  });

  it("that cannot be used ends the program", async () => {
    const file = join(scratch(), "a-file");
    writeFileSync(file, "");
    chmodSync(file, 0o400);
    const { ended, log } = launch({ args: standaloneArgs(file) });
    expect(await ended).toMatchObject({ code: 3 });
    expect(log()).toMatch(/data folder/);
  });
});

describe("a running program", () => {
  it("takes environment names as upstream's compose files give them", async () => {
    const env = {
      ODGM_HTTP_PORT: "0",
      ODGM_COLLECTION: JSON.stringify([
        {
          name: cls,
          partition_count: 1,
          replica_count: 1,
          shard_type: "none",
          shard_assignments: [],
          invocations: { fn_routes: { echo: { url: "http://echo-fn", stateless: true } } },
          options: {},
        },
      ]),
      ODGM_LOG: "info",
      ODGM_MEMBERS: "1,2",
      ODGM_ENABLE_STRING_ENTRY_KEYS: "false",
      ODGM_MAX_STRING_ID_LEN: "5",
    };
    const odgm = await startOdgm({ args: ["--data", scratch()], env });
    expect(odgm.log()).toMatch(/setting without effect.*ODGM_MEMBERS/);
    const client = new DataClient(odgm.at("grpc"), cls);
    expect(await client.raw.capabilities({}, options)).toMatchObject({ stringEntryKeys: false });
    await client.set("a", {});
    for (const call of [client.setValue("a", "k", "v"), client.set("a", { k: "v" })]) {
      expect(await failureOf(call)).toMatchObject({
        status: status.UNIMPLEMENTED,
        message: "string entry keys feature disabled",
      });
    }
    expect(await failureOf(client.get("sixsix"))).toMatchObject({ code: "INVALID_OBJECT_ID" });
    client.close();
  });

  it("answers gRPC health, /healthz, /readyz and /metrics", async () => {
    const odgm = await startStandalone([{ name: cls }]);
    const health = createGrpcClient(Health, { address: odgm.at("grpc") });
    for (const service of ["", "oprc.DataService", "oprc.OprcFunction", "oaas.DataStream"]) {
      expect((await health.check({ service }, options)).status).toBe(Serving.SERVING);
    }
    expect(await failureOf(health.check({ service: "no" }, options))).toMatchObject({
      status: status.NOT_FOUND,
    });
    health.close();
    const client = new DataClient(odgm.at("grpc"), cls);
    await client.set("a", { k: "v" });
    client.close();
    const page = async (path: string): Promise<string> =>
      (await fetch(`http://${odgm.at("health")}${path}`)).text();
    expect([await page("/healthz"), await page("/readyz")]).toEqual(["ok", "ready"]);
    const metrics = await page("/metrics");
    expect(metrics).toContain('odgm_calls_total{method="SET",code="OK"} 1');
    expect(metrics).toContain(`odgm_objects{collection="${cls}",partition="0"} 1`);
  });

  it("answers many calls over one stream, and ends it on SIGTERM", async () => {
    const odgm = await startStandalone([{ name: cls }]);
    const address = odgm.at("grpc");
    const stream = new StreamClient({
      service: "DataStream",
      target: { address },
      log: silentLogger,
    });
    const ask = { request: new Uint8Array(), timeoutMs: 10_000 };
    const calls = Array.from({ length: 500 }, (_, at) =>
      stream.request({ ...ask, method: at % 2 === 0 ? Method.STATS : Method.CAPABILITIES }),
    );
    expect((await Promise.all(calls)).every((responses) => responses.length === 1)).toBe(true);
    expect(await failureOf(stream.request({ ...ask, method: Method.UNSPECIFIED }))).toMatchObject({
      status: status.UNIMPLEMENTED,
    });
    const { code, log } = await stopOdgm(odgm);
    expect(code).toBe(0);
    expect(log).toMatch(/shut down/);
    stream.close();
  });
});
