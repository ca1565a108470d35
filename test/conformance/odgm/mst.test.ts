// Three replicas of an Mst partition as real processes with mutual TLS: every one takes writes, and
// they become equal, over deaths and a replaced disk.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import * as Automerge from "@automerge/automerge";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import { ShardState } from "#api/gen/oaas-admin_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import {
  ObjectResponseSchema,
  SetObjectRequestSchema,
  SingleObjectRequestSchema,
} from "#api/gen/oprc-data_pb.ts";
import type { ReadDemand, SessionMark } from "#workloads/core/demand/index.ts";
import type { StreamCall, WireReply } from "#workloads/platform/index.ts";
import { silentLogger, StreamClient } from "#workloads/platform/index.ts";
import { waitUntil } from "#test/support/wait.ts";

import { DataClient, failureOf, values } from "./data-client.ts";
import type { MemberPod } from "./members.ts";
import { COLLECTION, Grid, options } from "./members.ts";
import { clearAll } from "./odgm-process.ts";

const CLASS = {
  consistency: "None",
  keys: [
    { name: "count", type: "Counter" },
    { name: "map", type: "Map" },
  ],
};

let grid: Grid;
let incarnations: string[] = [];
let generation = 0n;
const clients = new Map<string, DataClient>();

/** The replicas that are alive form the next generation; `gone` ones are left out. */
async function rollOut(
  alive: readonly MemberPod[],
  more: { readonly classJson?: object; readonly options?: Record<string, string> } = {},
): Promise<void> {
  const members = grid
    .spec(1)
    .members.filter(({ ordinal }) => alive.some((pod) => pod.ordinal === ordinal))
    .map((member) => ({ ...member, incarnation: incarnations[member.ordinal] ?? "" }));
  const content = {
    members,
    shardType: "Mst",
    resolvedClassJson: JSON.stringify(more.classJson ?? CLASS),
    options: more.options ?? {},
    partitions: [{ partition: 0, members: members.map(({ id }) => id), founded: 1n }],
  };
  const wanted = grid.spec(1, content);
  const proposed = await pod(0).admin.propose({ expectedGeneration: generation, wanted }, options);
  generation = proposed.generation;
  const spec = grid.spec(1, { ...content, generation });
  for (const { admin } of alive) await admin.apply({ spec }, options);
}

const pod = (ordinal: number): MemberPod => grid.pod(ordinal);

const kill = ({ ordinal }: MemberPod): Promise<void> => grid.kill(ordinal);

function at(ordinal: number): DataClient {
  const address = pod(ordinal).odgm.at("grpc");
  const known = clients.get(address);
  if (known !== undefined) return known;
  const client = new DataClient(address, COLLECTION);
  clients.set(address, client);
  return client;
}

function soon(what: string) {
  return { what, deadlineMs: 10_000 };
}

async function everywhere(id: string, want: Record<string, string> | undefined): Promise<void> {
  for (const ordinal of [0, 1, 2]) {
    const client = at(ordinal);
    await waitUntil(async () => JSON.stringify(await client.get(id)) === JSON.stringify(want), {
      what: `${id} at member ${ordinal}`,
      deadlineMs: 10_000,
    });
  }
}

async function ready(ordinal: number): Promise<void> {
  await waitUntil(
    async () => {
      const { shards } = await pod(ordinal).admin.getStatus({}, options);
      return shards[0]?.state === ShardState.READY;
    },
    { what: `the shard of member ${ordinal}`, deadlineMs: 10_000 },
  );
}

beforeAll(async () => {
  grid = await Grid.make();
  for (const ordinal of [0, 1, 2]) await grid.start(ordinal);
  incarnations = [...(await grid.format())];
  await rollOut(grid.pods);
});

afterAll(async () => {
  for (const client of clients.values()) client.close();
  grid.close();
  await clearAll();
});

describe("three replicas", () => {
  it("take writes anywhere and show them everywhere", async () => {
    await at(0).set("a", { text: "from 0" });
    await at(1).set("b", { text: "from 1" });
    await at(2).set("c", { text: "from 2" });
    await everywhere("a", { text: "from 0" });
    await everywhere("b", { text: "from 1" });
    await everywhere("c", { text: "from 2" });
    const versions = await Promise.all([0, 1, 2].map((ordinal) => at(ordinal).version("a")));
    expect(new Set(versions).size).toBe(1);
  });

  it("merge by the type of the entry", async () => {
    await at(0).set("m", { count: "5", map: '{"a":1}' });
    await everywhere("m", { count: "5", map: '{"a":1}' });
    await Promise.all([
      at(0).set("m", { count: "7" }),
      at(1).set("m", { count: "4", map: '{"a":1,"b":2}' }),
      at(2).set("m", { count: "6", map: '{"a":1,"c":3}' }),
    ]);
    await everywhere("m", { count: "7", map: '{"a":1,"b":2,"c":3}' });
  });

  it("merge CRDT maps of the library that upstream uses", async () => {
    const base = Automerge.from({ left: 0, right: 0 });
    const put = (ordinal: number, document: Automerge.Doc<unknown>): Promise<unknown> =>
      at(ordinal).raw.setValue(
        {
          ...at(ordinal).to("doc"),
          key: "d",
          value: { data: Automerge.save(document), type: 1 },
        },
        options,
      );
    await put(0, base);
    await waitUntil(async () => (await at(1).get("doc")) !== undefined, soon("the document"));
    const left = Automerge.change(Automerge.clone(base), (draft) => void (draft.left = 1));
    const right = Automerge.change(Automerge.clone(base), (draft) => void (draft.right = 2));
    await Promise.all([put(0, left), put(1, right)]);
    for (const ordinal of [0, 1, 2]) {
      const client = at(ordinal);
      await waitUntil(
        async () => {
          const { value } = await client.raw.getValue({ ...client.to("doc"), key: "d" }, options);
          const document = Automerge.load<{ left: number; right: number }>(
            value?.data ?? new Uint8Array(0),
          );
          return value?.type === 1 && document.left === 1 && document.right === 2;
        },
        soon(`both edits at member ${ordinal}`),
      );
    }
  });

  it("refuse a value that the entry's type cannot hold, naming the entry", async () => {
    const failure = await failureOf(at(0).set("m", { count: "many" }));
    expect([failure.code, failure.message]).toEqual([
      "INVALID_REQUEST",
      expect.stringContaining('entry "count"'),
    ]);
  });

  it("do not bring back what was deleted, anywhere", async () => {
    await at(1).delete("a");
    await everywhere("a", undefined);
    expect((await at(2).listObjects()).map(({ name }) => name)).toEqual(["b", "c", "doc", "m"]);
  });

  it("refuse a version check over several replicas unless it is asked for", async () => {
    const failure = await failureOf(at(0).batch("b", { text: "x" }, { expected: 1 }));
    expect(failure.code).toBe("CAS_NOT_LOCAL");
    await rollOut(grid.pods, { options: { cas: "Local" } });
    const version = Number(await at(0).version("b"));
    await at(0).batch("b", { text: "checked" }, { expected: version });
    await everywhere("b", { text: "checked" });
    const stale = await failureOf(at(1).batch("b", { text: "late" }, { expected: version }));
    expect(stale.code).toBe("VERSION_MISMATCH");
  });

  it("name a content by version and digest, the same at every replica that has it", async () => {
    await at(0).set("tagged", { text: "x" });
    await everywhere("tagged", { text: "x" });
    const tags = await Promise.all(
      [0, 1, 2].map(async (ordinal) => {
        const client = at(ordinal);
        const { objectVersion, objectDigest } = await client.raw.get(client.to("tagged"), options);
        return { objectVersion, digest: Buffer.from(objectDigest ?? []).toString("hex") };
      }),
    );
    expect(tags[0]?.digest).toMatch(/^[0-9a-f]{32}$/);
    expect(tags).toEqual([tags[0], tags[0], tags[0]]);
    const digest = Buffer.from(tags[0]?.digest ?? "", "hex");
    const write = (expectedObjectDigest: Uint8Array) =>
      at(1).raw.set(
        {
          ...at(1).to("tagged"),
          object: { entries: values({ text: "y" }) },
          expectedObjectVersion: tags[0]?.objectVersion ?? 0n,
          expectedObjectDigest,
        },
        options,
      );
    const other = await failureOf(write(new Uint8Array(16)));
    expect(other).toMatchObject({ code: "VERSION_MISMATCH" });
    expect(other.message).toMatch(/has another content here/);
    await write(digest);
    await everywhere("tagged", { text: "y" });
  });
});

describe("a replica that dies", () => {
  it("is missed by nobody and learns what it missed", async () => {
    await kill(pod(2));
    await at(0).set("while-away", { text: "x" });
    await at(1).delete("c");
    await grid.start(2);
    await rollOut(grid.pods);
    await everywhere("while-away", { text: "x" });
    await everywhere("c", undefined);
  });

  it("keeps what it had acknowledged alone", async () => {
    await at(2).set("mine", { text: "acknowledged" });
    await kill(pod(2));
    await grid.start(2);
    await rollOut(grid.pods);
    await everywhere("mine", { text: "acknowledged" });
  });

  it("is yet to be heard until the others have what it had acknowledged alone", async () => {
    const unheard = (ordinals: readonly number[]): Promise<(readonly string[] | undefined)[]> =>
      Promise.all(
        ordinals.map(async (ordinal) => {
          const { shards } = await pod(ordinal).admin.getStatus({}, options);
          return shards[0]?.unheard;
        }),
      );
    for (const id of ["lone-0", "lone-1"]) {
      await at(2).set(id, { text: "acknowledged" });
      await kill(pod(2));
      await waitUntil(async () => {
        const names = await unheard([0, 1]);
        return names.every((each) => each?.join() === incarnations[2]);
      }, soon("member 2 to be missed"));
      await grid.start(2);
      await rollOut(grid.pods);
      await waitUntil(async () => {
        const names = await unheard([0, 1, 2]);
        return names.every((each) => each?.length === 0);
      }, soon("everybody to be heard"));
      for (const ordinal of [0, 1]) {
        expect(await at(ordinal).get(id)).toEqual({ text: "acknowledged" });
      }
    }
  });

  it("comes back with an empty disk as another one, and serves when it has learned", async () => {
    await kill(pod(2));
    grid.pods.splice(grid.pods.indexOf(pod(2)), 1);
    await rollOut(grid.pods);
    const fresh = await grid.start(2);
    const request = { collection: COLLECTION, ordinal: 2, identity: "identity-1" };
    incarnations[2] = (await fresh.admin.format(request, options)).incarnation;
    await rollOut(grid.pods);
    await ready(2);
    expect(await at(2).get("mine")).toEqual({ text: "acknowledged" });
    expect(await at(2).get("a")).toBeUndefined();
    await at(2).set("again", { text: "here" });
    await everywhere("again", { text: "here" });
  });
});

describe("a session", () => {
  /** One call over the stream that outside clients have, to its last reply. */
  async function call(ordinal: number, what: Omit<StreamCall, "timeoutMs">): Promise<WireReply> {
    const target = { address: pod(ordinal).odgm.at("grpc") };
    const stream = new StreamClient({ service: "DataStream", target, log: silentLogger });
    try {
      return await new Promise((resolve) => {
        stream.call({ ...what, timeoutMs: 10_000 }, resolve);
      });
    } finally {
      stream.close();
    }
  }

  async function write(ordinal: number, text: string): Promise<SessionMark> {
    const entries = { k: { data: Buffer.from(text) } };
    const message = { clsId: COLLECTION, objectId: "session", object: { entries } };
    const request = toBinary(SetObjectRequestSchema, create(SetObjectRequestSchema, message));
    const { mark } = await call(ordinal, { method: Method.SET, request });
    if (mark === undefined) throw new Error("a write has a mark");
    return { incarnation: mark.incarnation, index: mark.index };
  }

  async function read(ordinal: number, demand: Partial<ReadDemand>): Promise<string> {
    const message = { clsId: COLLECTION, objectId: "session" };
    const request = toBinary(SingleObjectRequestSchema, create(SingleObjectRequestSchema, message));
    const whole = { strong: false, boundMs: undefined, marks: [], ...demand };
    const reply = await call(ordinal, { method: Method.GET, request, demand: whole });
    if (reply.code !== status.OK) return reply.reason;
    const { obj } = fromBinary(ObjectResponseSchema, reply.response);
    return Buffer.from(obj?.entries["k"]?.data ?? []).toString();
  }

  it("sees its writes at every replica", async () => {
    for (let round = 0; round < 10; round += 1) {
      const marks = [await write(round % 3, `round ${round}`)];
      expect(await read((round + 1) % 3, { marks })).toBe(`round ${round}`);
      expect(await read((round + 2) % 3, { marks })).toBe(`round ${round}`);
    }
  });

  it("is told, in bounded time, when a replica has not got there or never will", async () => {
    const { incarnation, index } = await write(0, "here");
    const far = { incarnation, index: index + 3_600_000 * 4096 };
    expect(await read(1, { marks: [far] })).toBe("REPLICA_BEHIND");
    const gone = { incarnation: "of a disk that was replaced", index: 1 };
    expect(await read(1, { marks: [gone] })).toBe("SESSION_LOST");
  });

  it("may ask for less age than the class, and not for what several writers cannot give", async () => {
    await write(2, "young");
    await everywhere("session", { k: "young" });
    expect(await read(1, { boundMs: 250 })).toBe("young");
    expect(await read(1, { strong: true })).toBe("UNSUPPORTED");
    pod(2).odgm.kill("SIGSTOP");
    try {
      const late = async (): Promise<boolean> => (await read(1, { boundMs: 250 })) === "STALE";
      await waitUntil(late, soon("the refusal"));
      expect(await read(1, {})).toBe("young");
    } finally {
      pod(2).odgm.kill("SIGCONT");
    }
  });

  it("cannot have a repeated write recognised: it may come to another replica", async () => {
    const message = { clsId: COLLECTION, objectId: "session", object: {} };
    const request = toBinary(SetObjectRequestSchema, create(SetObjectRequestSchema, message));
    const identity = { kind: "key" as const, key: "k" };
    const { code, reason } = await call(0, { method: Method.SET, request, identity });
    expect([code, reason]).toEqual([status.UNIMPLEMENTED, "UNSUPPORTED"]);
  });
});

describe("bounded staleness", () => {
  it("answers while all replicas are heard, and refuses when one is not", async () => {
    const classJson = { ...CLASS, consistency: "BoundedStaleness", stalenessBoundSeconds: 1 };
    await rollOut(grid.pods, { classJson });
    const answers = async (): Promise<boolean> => (await at(0).get("again"))?.["text"] === "here";
    await waitUntil(answers, soon("an answer while all are heard"));
    pod(1).odgm.kill("SIGSTOP");
    try {
      const client = at(0);
      await waitUntil(async () => {
        const outcome = await client.get("again").catch((cause: unknown) => cause);
        return outcome instanceof Error && "code" in outcome && outcome.code === "STALE";
      }, soon("the refusal"));
    } finally {
      pod(1).odgm.kill("SIGCONT");
    }
    await waitUntil(answers, soon("an answer when it is heard again"));
  });
});

describe("who may speak to a replica", () => {
  it("is not a caller of the data port", async () => {
    const target = { address: pod(0).odgm.at("grpc") };
    const stream = new StreamClient({ service: "DataStream", target, log: silentLogger });
    try {
      const call = { method: Method.GROUP, request: new Uint8Array(0), timeoutMs: 5_000 };
      const failure = await failureOf(stream.request(call));
      expect(failure.code).toBe("UNSUPPORTED");
    } finally {
      stream.close();
    }
  });
});
