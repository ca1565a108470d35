// Power loss of a member of a Raft group under load. One of three is gone, so that nothing is
// acknowledged and nobody elected without the member whose disk is recorded: each rebuilt disk must
// hold its vote and every write that a client was told of by then. The same check must fail when
// fdatasync does nothing.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, describe, expect, it } from "@jest/globals";

import { RaftRole, ShardState } from "#api/gen/oaas-admin_pb.ts";
import type { ShardStatus } from "#api/gen/oaas-admin_pb.ts";
import type { CrashImage, Recording, RunningRecording } from "#test/support/power/index.ts";
import { startRecording } from "#test/support/power/index.ts";
import { waitUntil } from "#test/support/wait.ts";

import { DataClient } from "./data-client.ts";
import type { MemberPod } from "./members.ts";
import { COLLECTION, Grid, options } from "./members.ts";
import type { Ports } from "./odgm-process.ts";
import { clearAll, ODGM_MAIN, portsIn } from "./odgm-process.ts";
import type { FoundReplica } from "./power-raft-image.ts";
import { readReplica } from "./power-raft-image.ts";
import type { History } from "./write-load.ts";
import { Load, problemsIn } from "./write-load.ts";

const SEED = 20261122;
const IMAGES = 30;
const IMAGE_PROGRAM = join(import.meta.dirname, "power-raft-image.ts");
/** Who is recorded. */
const RECORDED = 2;
const recordings: Recording[] = [];

/** What the member has promised by a moment. */
interface Promised {
  readonly atMs: number;
  readonly term: number;
  readonly vote: string;
}

afterEach(async () => {
  for (const recording of recordings.splice(0)) await recording.discard();
  await clearAll();
});

const soon = (what: string) => ({ what, deadlineMs: 40_000, intervalMs: 20 });

async function shardOf({ admin }: Pick<MemberPod, "admin">): Promise<ShardStatus | undefined> {
  return (await admin.getStatus({}, options)).shards[0];
}

/** Three members with one partition on all of them. */
async function threeMembers(): Promise<Grid> {
  const grid = await Grid.make();
  for (const ordinal of [0, 1, 2]) await grid.start(ordinal);
  const incarnations = await grid.format();
  const members = grid.spec(1).members.map((member) => ({
    ...member,
    incarnation: incarnations[member.ordinal] ?? "",
  }));
  const ids = members.map(({ id }) => id);
  const founders = [...incarnations];
  const spec = grid.spec(1, {
    members,
    shardType: "Raft",
    resolvedClassJson: JSON.stringify({ consistency: "Strong" }),
    partitions: [{ partition: 0, members: ids, founded: 1n, founders }],
  });
  await grid.rollOut(0n, spec);
  await ready(grid.pods);
  return grid;
}

async function ready(pods: readonly Pick<MemberPod, "admin">[]): Promise<void> {
  await waitUntil(async () => {
    const shards = await Promise.all(pods.map(shardOf));
    return shards.every((shard) => shard?.state === ShardState.READY);
  }, soon("every replica to be ready"));
}

/** Starts the member again where the others expect it, under the recorder. */
async function recorded(grid: Grid, stub: readonly "fdatasync"[]): Promise<RunningRecording> {
  const { dataDir, odgm } = grid.pod(RECORDED);
  odgm.kill("SIGTERM");
  await odgm.ended;
  const at = (name: string, port: number): readonly string[] => [name, `127.0.0.1:${port}`];
  const { grpc, link, admin } = odgm.ports;
  const ports = [...at("--listen", grpc), ...at("--link-listen", link)];
  const args = [...grid.args(RECORDED, dataDir), ...ports, ...at("--admin-listen", admin)];
  const running = await startRecording({
    command: [process.execPath, ODGM_MAIN, ...args],
    dataDir,
    env: { LOG_FORMAT: "plain" },
    ignore: (path) => path === "store.mdb-lock",
    ...(stub.length === 0 ? {} : { stub }),
  });
  await new Promise<Ports>((resolve) => {
    let text = "";
    running.child.stdout?.resume();
    running.child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = portsIn(text);
      if (found !== undefined) resolve(found);
    });
  });
  return running;
}

/** The first leader without member 0: one that needed the recorded member's vote. */
async function elected(pods: readonly Pick<MemberPod, "admin">[]): Promise<Promised> {
  let promised: Promised | undefined;
  await waitUntil(async () => {
    for (const pod of pods) {
      const raft = (await shardOf(pod))?.raft;
      if (raft?.role !== RaftRole.LEADER) continue;
      promised = { atMs: Date.now() + 1, term: Number(raft.term), vote: raft.leader };
    }
    return promised !== undefined;
  }, soon("a leader of the two that are left"));
  if (promised === undefined) throw new Error("just seen");
  return promised;
}

/** A member's disk under load, with all that it has promised. */
async function recordLoad(stub: readonly "fdatasync"[] = []): Promise<{
  readonly recording: Recording;
  readonly history: History;
  readonly promised: Promised;
}> {
  const grid = await threeMembers();
  const running = await recorded(grid, stub);
  const admin = await grid.adminAt(grid.pod(RECORDED).odgm.at("admin"));
  const left = [grid.pod(1), { admin }];
  await ready(left);
  await grid.kill(0);
  const promised = await elected(left);
  const client = new DataClient(grid.pod(1).odgm.at("grpc"), COLLECTION);
  const load = new Load(client, { prefix: "r", workers: 8 });
  const done = load.run();
  await Promise.race([load.reached(200), done]);
  process.kill(await running.pid(), "SIGKILL");
  await grid.kill(1);
  await done;
  client.close();
  grid.close();
  const recording = await running.finish();
  recordings.push(recording);
  return { recording, history: load.history, promised };
}

async function problemsOfImage(
  image: CrashImage,
  of: { readonly history: History; readonly promised: Promised },
  read: (folder: string, ids: readonly string[]) => Promise<FoundReplica>,
): Promise<readonly string[]> {
  const { history, promised } = of;
  const found = await read(image.folder, [...history.keys()]);
  const problems = await problemsIn(history, image.cutAtMs, (id) => {
    const { value, version } = found.objects[id] ?? { value: undefined, version: "0" };
    return { value, version: BigInt(version) };
  });
  const hasVote =
    found.term > promised.term || (found.term === promised.term && found.vote === promised.vote);
  if (promised.atMs > image.cutAtMs || hasVote) return problems;
  return [...problems, `forgot its vote: ${JSON.stringify({ ...promised, found: found.term })}`];
}

/** In a process of its own: a store that the disk has lied to may end whoever maps it. */
async function readApart(folder: string, ids: readonly string[]): Promise<FoundReplica> {
  const { stdout } = await promisify(execFile)(process.execPath, [IMAGE_PROGRAM, folder, ...ids]);
  return JSON.parse(stdout) as FoundReplica;
}

describe("power loss of a member of a Raft group", () => {
  it("loses no vote and no write that was acknowledged", async () => {
    const { recording, ...of } = await recordLoad();
    const acknowledged = [...of.history.values()]
      .flat()
      .filter(({ ackedAtMs }) => ackedAtMs < Infinity);
    expect(acknowledged.length).toBeGreaterThan(50);
    const problems: string[] = [];
    let isFirst = true;
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      // Once as the other test reads: what it finds wrong there is the disk, not the reading.
      const read = isFirst ? readApart : readReplica;
      isFirst = false;
      const found = await problemsOfImage(image, of, read);
      problems.push(...found.map((problem) => `${image.name}: ${problem}`));
    }
    expect(problems).toEqual([]);
  });

  it("is noticed by this test when fdatasync does nothing", async () => {
    const { recording, ...of } = await recordLoad(["fdatasync"]);
    const problems: string[] = [];
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      const found = await problemsOfImage(image, of, readApart).catch((cause: unknown) => [
        String(cause),
      ]);
      problems.push(...found);
      if (problems.length > 0) break;
    }
    expect(problems).not.toEqual([]);
  });
});
