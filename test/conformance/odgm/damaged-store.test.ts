// A member of a Raft collection whose log has lost an acknowledged write: it learns everything anew
// from the others, under the identity it had, and nothing is missing anywhere.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { RaftRole, ShardState } from "#api/gen/oaas-admin_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import { waitUntil } from "#test/support/wait.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import { DataClient } from "./data-client.ts";
import type { MemberPod } from "./members.ts";
import { COLLECTION, Grid, options } from "./members.ts";
import { clearAll, stopOdgm } from "./odgm-process.ts";

let grid: Grid;

beforeAll(async () => {
  grid = await Grid.make();
  await Promise.all([0, 1, 2].map((ordinal) => grid.start(ordinal)));
  grid.pods.sort((one, two) => one.ordinal - two.ordinal);
  const incarnations = await grid.format();
  const { members } = grid.spec(1);
  const content = {
    members: members.map((member) => ({
      ...member,
      incarnation: incarnations[member.ordinal] ?? "",
    })),
    shardType: "Raft",
    resolvedClassJson: JSON.stringify({ consistency: "Strong" }),
    partitions: [{ partition: 0, members: [1n, 2n, 3n], founded: 1n, founders: [...incarnations] }],
  };
  await grid.rollOut(0n, grid.spec(1, content));
});

afterAll(async () => {
  grid.close();
  await clearAll();
});

const pod = (ordinal: number): MemberPod => grid.pod(ordinal);

async function set(client: DataClient, id: string, text: string): Promise<void> {
  const written = async (): Promise<boolean> => {
    try {
      await client.set(id, { text });
      return true;
    } catch (cause: unknown) {
      if (cause instanceof GrpcFailure && isNotDone(cause.code)) return false;
      throw cause;
    }
  };
  await waitUntil(written, { what: `a write of ${id}`, deadlineMs: 30_000 });
}

/** Spoils this text in the log of a stopped member, as often as it is there. */
function spoil(dataDir: string, text: string): number {
  let count = 0;
  for (const name of readdirSync(join(dataDir, "log"))) {
    const path = join(dataDir, "log", name);
    const content = readFileSync(path);
    for (let at = content.indexOf(text); at !== -1; at = content.indexOf(text, at + 1)) {
      content[at] = (content[at] ?? 0) ^ 1;
      count += 1;
    }
    writeFileSync(path, content);
  }
  return count;
}

describe("a Raft member whose log is damaged", () => {
  it("learns everything anew, keeps its identity, and serves again", async () => {
    const writer = new DataClient(pod(0).odgm.at("grpc"), COLLECTION);
    for (let at = 0; at < 20; at += 1) await set(writer, `o${at}`, `precious-${at}`);
    const before = await pod(2).admin.getStatus({}, options);
    const { ports } = pod(2).odgm;
    await waitUntil(
      async () => (await pod(2).admin.getStatus({}, options)).shards[0]?.objects === 20n,
      {
        what: "member 2 to have everything",
        deadlineMs: 30_000,
      },
    );
    await stopOdgm(pod(2).odgm);
    expect(spoil(pod(2).dataDir, "precious-7")).toBeGreaterThan(0);
    await grid.start(2, [
      ...["--listen", `127.0.0.1:${ports.grpc}`, "--link-listen", `127.0.0.1:${ports.link}`],
      ...["--admin-listen", `127.0.0.1:${ports.admin}`],
    ]);
    expect(pod(2).odgm.log()).toMatch(/the store is damaged: its groups learn everything anew/);
    const healed = await waitUntil(
      async () => {
        const status = await pod(2).admin.getStatus({}, options);
        return status.shards[0]?.state === ShardState.READY && status;
      },
      { what: "member 2 to be ready again", deadlineMs: 60_000 },
    );
    expect(healed.incarnation).toBe(before.incarnation);
    // The two others are gone from now on, one by one: what is read is what this member has learned.
    await set(writer, "after", "x");
    writer.close();
    await stopOdgm(pod(0).odgm);
    const reader = new DataClient(pod(2).odgm.at("grpc"), COLLECTION);
    await waitUntil(
      async () => {
        const { shards } = await pod(2).admin.getStatus({}, options);
        const role = shards[0]?.raft?.role;
        return role === RaftRole.LEADER || role === RaftRole.FOLLOWER;
      },
      { what: "a group of two", deadlineMs: 30_000 },
    );
    for (let at = 0; at < 20; at += 1) {
      const text = await waitUntil(
        () =>
          reader.get(`o${at}`).then(
            (object) => object?.["text"],
            () => undefined,
          ),
        { what: `o${at}`, deadlineMs: 30_000 },
      );
      expect(text).toBe(`precious-${at}`);
    }
    reader.close();
    // Remembered no longer: the next start is an ordinary one.
    await stopOdgm(pod(2).odgm);
    const again = await grid.start(2);
    expect(again.odgm.log()).not.toMatch(/damaged/);
  });
});
