import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { createMetrics } from "../base/metrics.ts";
import { openFence } from "../lifecycle/fence.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { fakeWorld } from "../testing/fake-clock.ts";
import { memoryLogger } from "../testing/memory-logger.ts";
import { Client } from "./client.ts";
import { deleteExactly } from "./delete-exactly.ts";
import { RestClient } from "./rest-client.ts";

const key = { namespace: "ns", name: "pod-0" };
const pod = { apiVersion: "v1", kind: "Pod", metadata: key };

function setUp(): { readonly server: FakeApiServer; readonly client: Client } {
  const world = fakeWorld();
  const server = new FakeApiServer({ clock: world.clock });
  const rest = new RestClient({
    transport: server,
    world,
    logger: memoryLogger(),
    metrics: createMetrics(),
    fence: openFence(),
  });
  return { server, client: new Client(rest) };
}

describe("deleteExactly", () => {
  it("deletes the one that was seen, and is done where it is gone", async () => {
    const { server, client } = setUp();
    server.userApply(KINDS.Pod, pod);
    const uid = server.read(KINDS.Pod, key)?.metadata.uid ?? "";
    expect(await deleteExactly(client, KINDS.Pod, { ...key, uid })).toBe("going");
    expect(server.read(KINDS.Pod, key)).toBeUndefined();
    expect(await deleteExactly(client, KINDS.Pod, { ...key, uid })).toBe("going");
  });

  it("leaves a successor of the same name", async () => {
    const { server, client } = setUp();
    server.userApply(KINDS.Pod, pod);
    const other = { ...key, uid: "the one before" };
    expect(await deleteExactly(client, KINDS.Pod, other)).toBe("conflict");
    expect(server.read(KINDS.Pod, key)).toBeDefined();
  });

  it("does not say that one goes for which the server would not decide", async () => {
    const { server, client } = setUp();
    server.userApply(KINDS.Pod, pod);
    const uid = server.read(KINDS.Pod, key)?.metadata.uid ?? "";
    server.intercept = () => ({ kind: "answer", status: 409 });
    expect(await deleteExactly(client, KINDS.Pod, { ...key, uid })).toBe("conflict");
  });

  it("throws what the API server refuses for another reason", async () => {
    const { server, client } = setUp();
    server.intercept = () => ({ kind: "answer", status: 403 });
    const gone = deleteExactly(client, KINDS.Pod, { ...key, uid: "x" });
    await expect(gone).rejects.toMatchObject({ status: 403 });
  });
});
