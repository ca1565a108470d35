// The real gateway before three real replicas of a Raft partition, all over mutual TLS: what an
// outside client sees when the leader dies, and when a majority is gone. The version of an object
// counts the writes that were carried out, so that one lost or doubled write shows.
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { RaftRole } from "#api/gen/oaas-admin_pb.ts";
import { waitUntil } from "#test/support/wait.ts";

import type { MemberPod } from "../odgm/members.ts";
import { COLLECTION, GATEWAY, Grid, MEMBER, options } from "../odgm/members.ts";
import { clearAll } from "../odgm/odgm-process.ts";
import type { GatewayProgram } from "./support/process.ts";
import { makeFolder, startGatewayProgram } from "./support/process.ts";
import { explicitClass, writeRoutes } from "./support/routes.ts";

let folder: Awaited<ReturnType<typeof makeFolder>>;
let grid: Grid;
let gateway: GatewayProgram;

function pod(ordinal: number): MemberPod {
  const found = grid.pods.find((candidate) => candidate.ordinal === ordinal);
  if (found === undefined) throw new Error(`no member ${ordinal}`);
  return found;
}

async function leader(): Promise<number> {
  let found: number | undefined;
  await waitUntil(
    async () => {
      for (const { ordinal, admin } of grid.pods) {
        const status = await admin.getStatus({}, options).catch(() => undefined);
        if (status?.shards[0]?.raft?.role === RaftRole.LEADER) found = ordinal;
      }
      return found !== undefined;
    },
    { what: "a leader", deadlineMs: 20_000 },
  );
  return found ?? 0;
}

async function kill(ordinal: number): Promise<void> {
  pod(ordinal).odgm.kill("SIGKILL");
  await pod(ordinal).odgm.ended;
}

/** Starts it again where the others and the gateway expect it. */
async function restart(ordinal: number): Promise<void> {
  const { ports } = pod(ordinal).odgm;
  await grid.start(ordinal, [
    ...["--listen", `127.0.0.1:${ports.grpc}`],
    ...["--link-listen", `127.0.0.1:${ports.link}`],
    ...["--admin-listen", `127.0.0.1:${ports.admin}`],
  ]);
}

beforeAll(async () => {
  folder = await makeFolder();
  grid = await Grid.make();
  await Promise.all([0, 1, 2].map((ordinal) => grid.start(ordinal)));
  grid.pods.sort((one, two) => one.ordinal - two.ordinal);
  const incarnations = [...(await grid.format())];
  const { members } = grid.spec(1);
  const replicas = members.map(({ id, linkAddress }) => ({ member: id, linkAddress }));
  await grid.rollOut(
    0n,
    grid.spec(1, {
      members: members.map((member) => {
        return { ...member, incarnation: incarnations[member.ordinal] ?? "" };
      }),
      partitioning: "Explicit",
      slots: [],
      shardType: "Raft",
      partitions: [
        { partition: 0, members: [1n, 2n, 3n], founded: 1n, founders: [...incarnations] },
      ],
    }),
  );
  const routesFile = join(folder.path, "routes.json");
  await writeRoutes(routesFile, [
    explicitClass(COLLECTION, "", {
      partitions: 1,
      linkIdentity: MEMBER,
      shardType: "Raft",
      routing: [{ data: { linkAddress: members[0]?.linkAddress ?? "" }, replicas }],
    }),
  ]);
  gateway = await startGatewayProgram(["--tls-dir", grid.tlsDir(GATEWAY), "--routes", routesFile]);
  await leader();
}, 90_000);

afterAll(async () => {
  await gateway.stop();
  grid.close();
  await clearAll();
  await folder.remove();
}, 30_000);

const url = (id: string): string => `${gateway.url}/api/class/${COLLECTION}/0/objects/${id}`;

function write(id: string, text: string, headers: Record<string, string> = {}) {
  const data = Buffer.from(text).toString("base64");
  return fetch(`${url(id)}/entries/k`, {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ data, type: 0 }),
  });
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

/** How often the object was written, and what is there. */
async function read(id: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url(id)}/entries/k`, { headers });
  return [response.headers.get("etag"), await response.text()];
}

describe("when the leader dies under writes from outside", () => {
  it("every write is answered, and was carried out exactly once", async () => {
    const writers = 6;
    const writes = 40;
    const answeredAtMs: number[] = [];
    const ends: number[] = [];
    let killedAtMs = 0;
    let dead = 0;
    const run = async (writer: number): Promise<void> => {
      for (let at = 1; at <= writes; at += 1) {
        ends.push((await write(`o-${writer}`, String(at))).status);
        answeredAtMs.push(performance.now());
        if (ends.length === (writers * writes) / 4) {
          dead = await leader();
          killedAtMs = performance.now();
          await kill(dead);
        }
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => run(writer)));
    expect(new Set(ends)).toEqual(new Set([200]));
    for (let writer = 0; writer < writers; writer += 1) {
      expect(await read(`o-${writer}`)).toEqual([`"${writes}"`, String(writes)]);
    }
    const gaps = answeredAtMs.map((ms, at) => ms - (answeredAtMs[at - 1] ?? ms));
    const gapMs = Math.round(
      Math.max(...gaps.filter((_, at) => (answeredAtMs[at] ?? 0) > killedAtMs)),
    );
    process.stdout.write(`gateway: ${ends.length} writes, longest gap ${gapMs} ms\n`);
    await restart(dead);
  });

  it("a session reads its writes wherever it is answered", async () => {
    const first = await write("session", "1", { "x-oprc-session": "" });
    const token = { "x-oprc-session": first.headers.get("x-oprc-session") ?? "" };
    expect(await read("session", token)).toEqual(['"1"', "1"]);
    await kill(await leader());
    expect(await read("session", token)).toEqual(['"1"', "1"]);
    for (const { ordinal, odgm } of grid.pods) {
      if ((await Promise.race([odgm.ended, Promise.resolve("runs")])) !== "runs")
        await restart(ordinal);
    }
  });

  it("an Idempotency-Key holds over the change of leaders", async () => {
    const key = { "Idempotency-Key": "order-1" };
    expect((await write("order", "new", key)).status).toBe(200);
    expect((await write("order", "paid")).status).toBe(200);
    const dead = await leader();
    await kill(dead);
    const again = await write("order", "new", key);
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(await read("order")).toEqual(['"2"', "paid"]);
    const other = await write("order", "other", key);
    expect([other.status, await codeOf(other)]).toEqual([422, "KEY_REUSED"]);
    await restart(dead);
  });
});

describe("without a majority", () => {
  it("writes and reads are refused in time, and work again by themselves", async () => {
    await leader();
    await write("lonely", "before");
    await kill(1);
    await kill(2);
    const brief = { "x-oprc-timeout-ms": "1500" };
    const refused = await write("lonely", "during", brief);
    expect([502, 503, 504]).toContain(refused.status);
    expect(["NO_LEADER", "OUTCOME_UNKNOWN", "TIMEOUT", "UNAVAILABLE"]).toContain(
      await codeOf(refused),
    );
    await restart(1);
    expect((await write("lonely", "after")).status).toBe(200);
    expect((await read("lonely"))[1]).toBe("after");
    await restart(2);
  });
});
