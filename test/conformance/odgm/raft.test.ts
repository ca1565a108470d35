// Replicas of a Raft partition as real processes with mutual TLS: one history, whatever dies.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import type { ShardStatus } from "#api/gen/oaas-admin_pb.ts";
import { RaftRole, ShardState } from "#api/gen/oaas-admin_pb.ts";
import { Method, SessionRequestSchema } from "#api/gen/oaas-stream_pb.ts";
import { BatchSetValuesRequestSchema, SetObjectRequestSchema } from "#api/gen/oprc-data_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { CasInput, CasOutput, Operation } from "#test/support/linearizability.ts";
import { checkLinearizable, registerModel, tellViolation } from "#test/support/linearizability.ts";
import { waitUntil } from "#test/support/wait.ts";
import type { StreamCall, WireReply } from "#workloads/platform/index.ts";
import { GrpcFailure, silentLogger, StreamClient } from "#workloads/platform/index.ts";

import { DataClient, failureOf, values } from "./data-client.ts";
import type { MemberPod } from "./members.ts";
import { COLLECTION, GATEWAY, Grid, MEMBER, options } from "./members.ts";
import { clearAll } from "./odgm-process.ts";

/** Entries of the log before it is cut: a member that was away needs a snapshot soon. */
const LOG_ENTRIES = 60;
const CALL = { timeoutMs: 3_000 };

let grid: Grid;
let incarnations: string[] = [];
let founders: readonly string[] = [];
let generation = 0n;
const clients = new Map<string, DataClient>();

/** These members, by ordinal, shall hold the partition; the first one shall lead. */
async function rollOut(ordinals: readonly number[]): Promise<void> {
  const members = grid
    .spec(1)
    .members.map((member) => ({ ...member, incarnation: incarnations[member.ordinal] ?? "" }));
  const content = {
    members,
    shardType: "Raft",
    resolvedClassJson: JSON.stringify({ consistency: "Strong" }),
    options: { logEntriesMax: String(LOG_ENTRIES) },
    partitions: [
      {
        partition: 0,
        members: ordinals.map((ordinal) => BigInt(ordinal + 1)),
        founded: 1n,
        founders: [...founders],
      },
    ],
  };
  const wanted = grid.spec(1, content);
  const proposed = await pod(0).admin.propose({ expectedGeneration: generation, wanted }, options);
  generation = proposed.generation;
  await applyAgain({ ...content, generation });
}

async function applyAgain(content: object): Promise<void> {
  const spec = grid.spec(1, content);
  for (const { admin } of grid.pods) await admin.apply({ spec }, options);
}

const pod = (ordinal: number): MemberPod => grid.pod(ordinal);

const kill = (ordinal: number): Promise<void> => grid.kill(ordinal);

/** Starts it again where the others expect it. */
async function restart(ordinal: number): Promise<void> {
  const { ports } = pod(ordinal).odgm;
  const at = (name: string, port: number): readonly string[] => [name, `127.0.0.1:${port}`];
  await grid.start(ordinal, [
    ...at("--listen", ports.grpc),
    ...at("--link-listen", ports.link),
    ...at("--admin-listen", ports.admin),
  ]);
}

function at(ordinal: number): DataClient {
  const address = pod(ordinal).odgm.at("grpc");
  const known = clients.get(address);
  if (known !== undefined) return known;
  const client = new DataClient(address, COLLECTION);
  clients.set(address, client);
  return client;
}

function soon(what: string) {
  return { what, deadlineMs: 20_000 };
}

/** The shard of a member as it tells the operator; undefined while it cannot be asked. */
async function shardOf(ordinal: number): Promise<ShardStatus | undefined> {
  try {
    return (await pod(ordinal).admin.getStatus({}, CALL)).shards[0];
  } catch (cause: unknown) {
    if (cause instanceof GrpcFailure) return undefined;
    throw cause;
  }
}

async function leaderAmong(ordinals: readonly number[]): Promise<number> {
  let leader: number | undefined;
  await waitUntil(
    async () => {
      for (const ordinal of ordinals) {
        if ((await shardOf(ordinal))?.raft?.role === RaftRole.LEADER) leader = ordinal;
      }
      return leader !== undefined;
    },
    soon(`a leader among ${ordinals.join(", ")}`),
  );
  if (leader === undefined) throw new Error("just seen");
  return leader;
}

/** The group is as the newest generation wants it. */
async function reached(ordinals: readonly number[]): Promise<void> {
  await waitUntil(
    async () => {
      const leader = await leaderAmong(ordinals);
      return (await shardOf(leader))?.raft?.reachedGeneration === generation;
    },
    soon(`members as in generation ${generation}`),
  );
}

/** Tries until it is taken; only what was surely not done is tried again. */
async function persist(ordinal: number, id: string, text: string): Promise<void> {
  await waitUntil(
    async () => {
      try {
        await at(ordinal).set(id, { text });
        return true;
      } catch (cause: unknown) {
        if (cause instanceof GrpcFailure && isNotDone(cause.code)) return false;
        throw cause;
      }
    },
    soon(`a write of ${id} at member ${ordinal}`),
  );
}

async function readable(ordinal: number, id: string, text: string): Promise<void> {
  await waitUntil(
    async () => {
      try {
        return (await at(ordinal).get(id))?.["text"] === text;
      } catch (cause: unknown) {
        if (cause instanceof GrpcFailure) return false;
        throw cause;
      }
    },
    soon(`${id} at member ${ordinal}`),
  );
}

beforeAll(async () => {
  grid = await Grid.make();
  await Promise.all([0, 1, 2].map((ordinal) => grid.start(ordinal)));
  grid.pods.sort((one, two) => one.ordinal - two.ordinal);
  incarnations = [...(await grid.format())];
  founders = incarnations.slice();
  await rollOut([0, 1, 2]);
  await reached([0, 1, 2]);
});

afterAll(async () => {
  for (const client of clients.values()) client.close();
  grid.close();
  await clearAll();
});

describe("three replicas", () => {
  it("take calls anywhere, and the first member leads", async () => {
    await waitUntil(async () => (await leaderAmong([0, 1, 2])) === 0, soon("member 0 leads"));
    for (const ordinal of [0, 1, 2]) await persist(ordinal, `by-${ordinal}`, "x");
    for (const ordinal of [0, 1, 2]) {
      expect(await at(ordinal).get("by-1")).toEqual({ text: "x" });
      expect((await at(ordinal).listObjects()).map(({ name }) => name)).toEqual([
        ...["by-0", "by-1", "by-2"],
      ]);
    }
    expect((await at(1).counts())[0]).toEqual([0, 3n]);
  });

  it("check a version at one place in the history, whoever is asked", async () => {
    await persist(0, "cas", "0");
    const version = Number(await at(2).version("cas"));
    const tries = await Promise.all(
      [0, 1, 2].map((ordinal) =>
        at(ordinal)
          .batch("cas", { text: String(ordinal) }, { expected: version })
          .then(
            () => "set",
            (cause: unknown) => (cause instanceof GrpcFailure ? cause.code : String(cause)),
          ),
      ),
    );
    expect(tries.sort()).toEqual(["VERSION_MISMATCH", "VERSION_MISMATCH", "set"]);
  });

  it("tell the operator who leads, votes and lags", async () => {
    const leader = await shardOf(0);
    expect(leader).toMatchObject({ state: ShardState.READY, leader: true });
    expect(leader?.raft?.voters).toEqual([...incarnations].sort());
    await waitUntil(async () => {
      const members = (await shardOf(0))?.raft?.members ?? [];
      return members.length === 2 && members.every(({ active, caughtUp }) => active && caughtUp);
    }, soon("both others have caught up"));
    const follower = await shardOf(1);
    expect(follower).toMatchObject({ state: ShardState.READY, leader: false });
    expect(follower?.raft?.leader).toBe(incarnations[0]);
  });
});

type History = Operation<CasInput, CasOutput>[];

/** Members that were killed: nobody asks them. */
const down = new Set<number>();

/** Clients that write and read three keys at any member until they are told to stop. */
class Clients {
  readonly history: History = [];
  /** When writes that were acknowledged had been begun and were told. */
  readonly acknowledged: { readonly begunMs: number; readonly toldMs: number }[] = [];
  private readonly prefix: string;
  private clock = 0;
  private isOver = false;
  private readonly runs: readonly Promise<void>[];

  constructor(prefix: string, count: number) {
    this.prefix = prefix;
    this.runs = Array.from({ length: count }, (_, client) => this.run(client));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.runs);
  }

  /** So many more writes have been acknowledged. */
  async more(count: number): Promise<void> {
    const want = this.acknowledged.length + count;
    const isThere = (): Promise<boolean> => Promise.resolve(this.acknowledged.length >= want);
    await waitUntil(isThere, soon(`${count} more writes`));
  }

  /** Milliseconds from then until a write that was begun later was acknowledged. */
  async gapAfter(sinceMs: number): Promise<number> {
    const next = () => this.acknowledged.find(({ begunMs }) => begunMs >= sinceMs);
    await waitUntil(() => Promise.resolve(next() !== undefined), soon("the next write"));
    return Math.round((next()?.toldMs ?? 0) - sinceMs);
  }

  private async run(client: number): Promise<void> {
    for (let turn = 0; !this.isOver; turn += 1) {
      const key = `${this.prefix}${(client + turn) % 3}`;
      const isWrite = (client + turn) % 2 === 0;
      const input: CasInput = isWrite
        ? { kind: "write", value: `${client}.${turn}` }
        : { kind: "read" };
      const up = grid.pods.filter(({ ordinal }) => !down.has(ordinal));
      const { ordinal } = up[(client + (turn >> 2)) % up.length] ?? pod(0);
      const asked = { client: String(client), key, input, callAt: (this.clock += 1) };
      const isAnswered = await this.operate(asked, ordinal);
      // Nobody hammers at a member that refuses.
      if (!isAnswered) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async operate(
    asked: Omit<Operation<CasInput, CasOutput>, "told">,
    ordinal: number,
  ): Promise<boolean> {
    const begunMs = performance.now();
    try {
      const output = await this.call(asked, ordinal);
      this.history.push({ ...asked, told: { output, at: (this.clock += 1) } });
      const toldMs = performance.now();
      if (asked.input.kind === "write") this.acknowledged.push({ begunMs, toldMs });
      return true;
    } catch (cause: unknown) {
      if (!(cause instanceof GrpcFailure)) throw cause;
      // A read that failed says nothing; a write that was surely not done is none.
      if (asked.input.kind === "write" && !isNotDone(cause.code)) this.history.push(asked);
      return false;
    }
  }

  private async call(
    { key, input }: Pick<Operation<CasInput, CasOutput>, "key" | "input">,
    ordinal: number,
  ): Promise<string> {
    const client = at(ordinal);
    if (input.kind === "write") {
      const object = { entries: values({ v: input.value }) };
      await client.raw.set({ ...client.to(key), object }, CALL);
      return "";
    }
    const { value } = await client.raw.getValue({ ...client.to(key), key: "v" }, CALL);
    return value === undefined ? "" : Buffer.from(value.data).toString();
  }

  /** Fails with the best order that there is, if none is right. */
  check(): void {
    const verdict = checkLinearizable(this.history, registerModel());
    if (verdict.kind === "violation") throw new Error(tellViolation(verdict).join("\n"));
    expect(verdict.kind).toBe("linearizable");
  }
}

describe("members that are killed, stopped and come back", () => {
  it("leave one history in which nothing acknowledged is missing", async () => {
    const clients = new Clients("h", 4);
    const gaps: number[] = [];
    await clients.more(20);
    for (let round = 0; round < 3; round += 1) {
      const leader = await leaderAmong([0, 1, 2]);
      down.add(leader);
      await kill(leader);
      gaps.push(await clients.gapAfter(performance.now()));
      await clients.more(10);
      await restart(leader);
      down.delete(leader);
      await clients.more(10);
    }
    // One that stands still hears nothing and believes that it leads; nobody listens to it.
    const stopped = await leaderAmong([0, 1, 2]);
    const others = [0, 1, 2].filter((ordinal) => ordinal !== stopped);
    pod(stopped).odgm.kill("SIGSTOP");
    down.add(stopped);
    await leaderAmong(others);
    await clients.more(10);
    pod(stopped).odgm.kill("SIGCONT");
    down.delete(stopped);
    await clients.more(20);
    await clients.stop();
    const { history } = clients;
    const unknown = history.filter((operation) => operation.told === undefined).length;
    process.stdout.write(
      `raft: ${history.length} operations, ${unknown} of unknown outcome; from the leader's death ` +
        `to the next acknowledged write ${gaps.join(", ")} ms\n`,
    );
    clients.check();
    expect(clients.acknowledged.length).toBeGreaterThan(100);
  });
});

describe("a majority that is gone", () => {
  it("takes no writes and no reads, says so, and recovers by itself", async () => {
    await persist(0, "before", "x");
    await Promise.all([kill(1), kill(2)]);
    await waitUntil(async () => {
      const failure = await failureOf(at(0).set("refused", { text: "x" }));
      return failure.code === "NO_LEADER" && failure.status === status.UNAVAILABLE;
    }, soon("the refusal"));
    expect((await failureOf(at(0).get("before"))).code).toBe("NO_LEADER");
    await restart(1);
    await persist(0, "recovered", "x");
    await readable(0, "before", "x");
    await restart(2);
    await readable(2, "recovered", "x");
  });
});

describe("a disk that is lost", () => {
  it("is replaced by an empty one, which learns everything before it votes", async () => {
    for (let turn = 0; turn < LOG_ENTRIES + 40; turn += 1)
      await persist(0, `d${turn % 10}`, `${turn}`);
    await kill(2);
    grid.pods.splice(grid.pods.indexOf(pod(2)), 1);
    const fresh = await grid.start(2);
    const request = { collection: COLLECTION, ordinal: 2, identity: "identity-1" };
    incarnations[2] = (await fresh.admin.format(request, options)).incarnation;
    await rollOut([0, 1, 2]);
    await reached([0, 1]);
    expect((await shardOf(0))?.raft?.voters).toEqual([...incarnations].sort());
    expect(fresh.odgm.log()).toContain("snapshot taken over");
    await kill(1);
    await persist(2, "with-the-new-disk", "x");
    await readable(2, "d5", `${LOG_ENTRIES + 35}`);
    await restart(1);
  });
});

describe("a new generation", () => {
  it("adds a member and removes one while clients write", async () => {
    await grid.start(3);
    const formatted = await pod(3).admin.format(
      { collection: COLLECTION, ordinal: 3, identity: "identity-1" },
      options,
    );
    incarnations[3] = formatted.incarnation;
    const clients = new Clients("g", 2);
    await rollOut([3, 0, 1]);
    await reached([0, 1, 2, 3]);
    await waitUntil(async () => (await leaderAmong([0, 1, 3])) === 3, soon("member 3 leads"));
    await clients.stop();
    clients.check();
    const gone = async (): Promise<boolean> =>
      (await pod(2).admin.getStatus({}, options)).shards.length === 0;
    await waitUntil(gone, soon("the replica of member 2 is deleted"));
    expect(await at(2).get("recovered")).toEqual({ text: "x" });
  });
});

describe("a write that comes again", () => {
  let link: StreamClient;

  async function call(what: Omit<StreamCall, "timeoutMs">): Promise<WireReply> {
    return new Promise((resolve) => {
      link.call({ ...what, timeoutMs: 5_000 }, resolve);
    });
  }

  beforeAll(async () => {
    const folder = await grid.tls(GATEWAY);
    const target = { address: pod(0).odgm.at("link"), tls: { folder, serverIdentity: MEMBER } };
    link = new StreamClient({ service: "Link", target, log: silentLogger });
  });

  afterAll(() => link.close());

  const session = (name: string): Uint8Array =>
    toBinary(
      SessionRequestSchema,
      create(SessionRequestSchema, { collection: COLLECTION, partition: 0, session: name }),
    );

  const request = (id: string, text: string): Uint8Array => {
    const message = { clsId: COLLECTION, objectId: id, object: { entries: values({ text }) } };
    return toBinary(SetObjectRequestSchema, create(SetObjectRequestSchema, message));
  };

  it("under its session is answered as it was, also by the next leader", async () => {
    const identity = { kind: "session" as const, session: "s-1", sequence: 1, settledBelow: 1 };
    const write = { method: Method.SET, request: request("once", "1"), identity };
    expect((await call(write)).reason).toBe("SESSION_EXPIRED");
    expect((await call({ method: Method.OPEN_SESSION, request: session("s-1") })).code).toBe(0);
    expect(await call(write)).toMatchObject({ code: 0, repeated: false });
    expect(await call(write)).toMatchObject({ code: 0, repeated: true });
    const version = await at(0).version("once");
    const leader = await leaderAmong([0, 1, 3]);
    await kill(leader);
    await leaderAmong([0, 1, 3].filter((ordinal) => ordinal !== leader));
    const again = leader === 0 ? undefined : await call(write);
    if (again !== undefined) expect(again).toMatchObject({ code: 0, repeated: true });
    await restart(leader);
    expect(await at(1).version("once")).toBe(version);
    const settled = { ...identity, sequence: 2, settledBelow: 2 };
    expect((await call({ ...write, identity: settled })).code).toBe(0);
    expect((await call(write)).reason).toBe("REQUEST_SETTLED");
  });

  it("under its key is done once, and another one under the key is refused", async () => {
    const identity = { kind: "key" as const, key: "order-7" };
    const first = await call({ method: Method.SET, request: request("keyed", "1"), identity });
    const second = await call({ method: Method.SET, request: request("keyed", "1"), identity });
    const other = await call({ method: Method.SET, request: request("keyed", "2"), identity });
    expect([first.repeated, second.repeated, other.reason]).toEqual([false, true, "KEY_REUSED"]);
    expect(await at(1).get("keyed")).toEqual({ text: "1" });
  });

  it("retried by four clients until it is answered is done once each", async () => {
    expect((await call({ method: Method.OPEN_SESSION, request: session("s-2") })).code).toBe(0);
    await persist(0, "tally", "0");
    const before = Number(await at(0).version("tally"));
    const batch = toBinary(
      BatchSetValuesRequestSchema,
      create(BatchSetValuesRequestSchema, {
        clsId: COLLECTION,
        objectId: "tally",
        values: values({ text: "1" }),
      }),
    );
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, turn) => {
        const identity = {
          kind: "session" as const,
          session: "s-2",
          sequence: 1 + (turn % 10),
          settledBelow: 1,
        };
        return call({ method: Method.BATCH_SET_VALUES, request: batch, identity });
      }),
    );
    expect(replies.map(({ code, reason }) => [code, reason])).toEqual(replies.map(() => [0, ""]));
    expect(replies.filter(({ repeated }) => repeated === true)).toHaveLength(30);
    expect(Number(await at(0).version("tally"))).toBe(before + 10);
  });
});
