// Upstream's defects (oaas-data-plane.md section 8, by number) that lie in the member, each as what
// holds here instead. 3, 4 (events), 6 to 8 (replication), 14 (standby) come with events and Raft.
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { status } from "@grpc/grpc-js";

import { create, fromBinary } from "@bufbuild/protobuf";

import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "#api/gen/grpc-reflection_pb.ts";
import { DataService } from "#api/gen/oprc-data_pb.ts";
import { createGrpcClient, encodeMessage, openChannel, same } from "#workloads/platform/index.ts";

import { DataClient, failureOf } from "./data-client.ts";
import type { OdgmProcess } from "./odgm-process.ts";
import {
  clearAll,
  launch,
  scratch,
  standaloneArgs,
  startOdgm,
  startStandalone,
} from "./odgm-process.ts";

const cls = "example.record";
const options = { timeoutMs: 10_000 };
let odgm: OdgmProcess;
let client: DataClient;

beforeAll(async () => {
  odgm = await startStandalone([{ name: cls }], { env: { ODGM_REFLECTION_ENABLED: "true" } });
  client = new DataClient(odgm.at("grpc"), cls);
});

afterAll(async () => {
  client.close();
  await clearAll();
});

describe("upstream's defect", () => {
  it("1: an object is read without metadata", async () => {
    await client.set("one", { k: "v" });
    const { obj } = await client.raw.get(client.to("one"), options);
    expect(obj?.metadata).toMatchObject({ clsId: cls, partitionId: 0, objectId: "one" });
  });

  it("5: a Set after a Delete leaves the object tombstoned", async () => {
    await client.set("five", { a: "1" });
    await client.delete("five");
    await client.set("five", { b: "2" });
    expect(await client.get("five")).toEqual({ b: "2" });
    expect((await client.listObjects({ objectIdPrefix: "five" })).length).toBe(1);
    await client.delete("five");
    await client.set("five", {});
    expect(await client.get("five")).toEqual({});
  });

  it("9: a Set without an object panics", async () => {
    const failure = await failureOf(client.raw.set(client.to("nine"), options));
    expect(failure).toMatchObject({ status: status.INVALID_ARGUMENT, code: "INVALID_REQUEST" });
    expect(await client.get("nine")).toBeUndefined();
  });

  it("9: reflection is never registered", async () => {
    expect(await servicesByReflection("v1")).toContain("oprc.DataService");
    expect(await servicesByReflection("v1alpha")).toContain("oprc.OprcFunction");
  });

  it("9: empty members and an absent node id end or split the program", async () => {
    const env = { ODGM_MEMBERS: "", ODGM_NODE_ID: "" };
    const args = standaloneArgs(scratch(), [{ name: cls }]);
    const alone = await startOdgm({ args, env });
    const own = new DataClient(alone.at("grpc"), cls);
    await own.set("a", { k: "v" });
    expect(await own.get("a")).toEqual({ k: "v" });
    own.close();
  });

  it("10: a prefix scan stops before the last match", async () => {
    await client.set("ten", { "user:1": "1", zzzzzz: "2", "user:10": "3" });
    const found = await client.listValues("ten", { keyPrefix: "user:" });
    expect(found.map((item) => item.name)).toEqual(["user:1", "user:10"]);
  });

  it("10: increments of the version are lost", async () => {
    const writes = Array.from({ length: 64 }, (_, at) => client.setValue("race", `k${at}`, "v"));
    await Promise.all(writes);
    expect(await client.version("race")).toBe(64n);
  });

  it("11: ids and keys that look like numbers lose zeros or are refused", async () => {
    await client.batch("007", { "01": "a" }, { expected: 0 });
    await client.set("7", { "1": "b" });
    expect(await client.get("007")).toEqual({ "01": "a" });
    expect(await client.value("007", "01")).toMatchObject({ value: "a" });
    await client.delete("7");
    expect(await client.get("7")).toBeUndefined();
    expect(await client.get("007")).toEqual({ "01": "a" });
  });

  it("12: the log level of ODGM_LOG is ignored", async () => {
    const args = standaloneArgs(scratch(), [{ name: cls }]);
    const env = { ODGM_LOG: "warn", ODGM_MEMBERS: "1" };
    const port = await freePort();
    const quiet = launch({ args: [...args, "--listen", `127.0.0.1:${port}`], env });
    const own = createGrpcClient(DataService, { address: `127.0.0.1:${port}` });
    await own.capabilities({}, { ...options, waitForReady: true });
    expect(quiet.log()).toMatch(/WARN/);
    expect(quiet.log()).not.toMatch(/INFO/);
    own.close();
  });

  it("15: capabilities disagree with what is served", async () => {
    expect(await client.raw.capabilities({}, options)).toMatchObject({
      stringIds: true,
      stringEntryKeys: true,
      granularEntryStorage: true,
      // Events come later; until then nothing says otherwise, whatever the environment asks for.
      eventPipelineV2: false,
    });
  });

  it("1.6: entry keys lose their case in some rpcs", async () => {
    await client.setValue("case", "Key", "1");
    await client.set("case", { KEY: "2" });
    expect(await client.get("case")).toEqual({ Key: "1", KEY: "2" });
    expect(await client.value("case", "key")).toMatchObject({ value: undefined, key: "key" });
  });

  it("1.6: tombstones count as objects", async () => {
    const [[, before] = [0, 0n]] = await client.counts();
    await client.set("counted", {});
    await client.delete("counted");
    expect(await client.counts()).toEqual([[0, before]]);
  });

  it("4.4: a restart loses everything", async () => {
    const dataDir = scratch();
    const first = await startStandalone([{ name: cls }], { dataDir });
    const writer = new DataClient(first.at("grpc"), cls);
    await writer.set("kept", { k: "v" });
    writer.close();
    first.kill("SIGKILL");
    await first.ended;
    const second = await startStandalone([{ name: cls }], { dataDir });
    const reader = new DataClient(second.at("grpc"), cls);
    expect(await reader.get("kept")).toEqual({ k: "v" });
    reader.close();
  });
});

/** A port that nobody listened on just now; with the level warn the program does not say its own. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** What grpcurl asks first. */
async function servicesByReflection(version: string): Promise<readonly string[]> {
  const channel = openChannel({ address: odgm.at("grpc") });
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  const stream = channel.makeBidiStreamRequest(path, same, same);
  const request = create(ServerReflectionRequestSchema, {
    messageRequest: { case: "listServices", value: "" },
  });
  stream.write(encodeMessage(ServerReflectionRequestSchema, request));
  stream.end();
  const names: string[] = [];
  for await (const bytes of stream as AsyncIterable<Buffer>) {
    const { messageResponse } = fromBinary(ServerReflectionResponseSchema, bytes);
    if (messageResponse.case !== "listServicesResponse") continue;
    names.push(...messageResponse.value.service.map((service) => service.name));
  }
  channel.close();
  return names;
}
