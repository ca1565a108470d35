// A gateway before partitions with a leader (design 5b, Links and Exactly once): it follows hints,
// retries only what is safe within the deadline, and never doubles a write. The members are
// scripted: they behave as the replicas of a Raft partition do.
import { join } from "node:path";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { Method, SessionRequestSchema } from "#api/gen/oaas-stream_pb.ts";
import { ObjectResponseSchema } from "#api/gen/oprc-data_pb.ts";
import { GrpcCode } from "#api/workload/reasons.ts";
import type { PlacedMark } from "#workloads/core/demand/index.ts";
import {
  decodeSessionToken,
  encodeSessionToken,
  SESSION_HEADER,
} from "#workloads/core/demand/index.ts";
import { waitUntil } from "#test/support/wait.ts";
import type { Responder, WireCall } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { ScriptedMember, Script } from "./support/member.ts";
import { refuse, startMember } from "./support/member.ts";
import type { GatewayProgram } from "./support/process.ts";
import { makeFolder, startGatewayProgram } from "./support/process.ts";
import { explicitClass, writeRoutes } from "./support/routes.ts";

type Trio = [ScriptedMember, ScriptedMember, ScriptedMember];

let folder: Awaited<ReturnType<typeof makeFolder>>;
let members: Trio;
let gateway: GatewayProgram;
let routesFile: string;
/** No class is used twice: the gateway remembers leaders and sessions. */
const unused: Record<"Raft" | "Basic", string[]> = { Raft: [], Basic: [] };
let cls = "";

const EMPTY = new Uint8Array(0);

/** Classes of one partition on all three members, the first of them its owner by the table. */
async function writeClasses(): Promise<void> {
  const replicas = members.map(({ address }, at) => {
    return { member: BigInt(at + 1), linkAddress: address };
  });
  const routing = [{ data: { linkAddress: members[0].address }, replicas }];
  const made = (["Raft", "Basic"] as const).flatMap((shardType) =>
    Array.from({ length: 24 }, (_, at) => {
      unused[shardType].push(`p.${shardType}${at}`);
      return explicitClass(`p.${shardType}${at}`, "", { partitions: 1, routing, shardType });
    }),
  );
  await writeRoutes(routesFile, made);
}

function newClass(shardType: "Raft" | "Basic" = "Raft"): void {
  const next = unused[shardType].pop();
  if (next === undefined) throw new Error(`all ${shardType} classes are used`);
  cls = next;
}

/** What followers answer: who leads. */
function follower(leader: ScriptedMember): Script {
  return (_call, respond) => {
    const member = BigInt(members.indexOf(leader) + 1);
    const hint = { leader: { member, address: leader.address } };
    respond.fail(new GrpcFailure(GrpcCode.unavailable, "NOT_LEADER", "not here", hint));
  };
}

const leader: Script = (_call, respond) => respond.ok([EMPTY]);

/** Sessions are opened, everything else is the script's. */
function withSessions(script: Script): Script {
  return (call, respond) =>
    call.method === Method.OPEN_SESSION ? respond.ok([EMPTY]) : script(call, respond);
}

function lead(index: number, script: Script = leader): void {
  for (const [at, member] of members.entries()) {
    member.script = at === index ? withSessions(script) : follower(memberAt(index));
  }
}

function memberAt(index: number): ScriptedMember {
  const member = members[index];
  if (member === undefined) throw new Error(`there is no member ${index}`);
  return member;
}

/** Calls that were not about sessions. */
function work(index: number): readonly WireCall[] {
  return memberAt(index).calls.filter(({ method }) => method !== Method.OPEN_SESSION);
}

const url = (object = "a"): string => `${gateway.url}/api/class/${cls}/0/objects/${object}`;

function put(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(url(), {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: '{"entries":{}}',
  });
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

beforeAll(async () => {
  folder = await makeFolder();
  routesFile = join(folder.path, "routes.json");
  const start = (): Promise<ScriptedMember> => startMember({ service: "Link" });
  members = [await start(), await start(), await start()];
  await writeClasses();
  gateway = await startGatewayProgram(["--insecure", "--routes", routesFile]);
}, 30_000);

afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await Promise.all(members.map((member) => member.close()));
  await folder.remove();
}, 30_000);

beforeEach(() => {
  newClass();
  for (const member of members) (member.calls as unknown[]).length = 0;
});

afterEach(() => {
  for (const member of members) member.script = leader;
});

/** Ends a member and starts one at the same address: its links are lost. */
async function restart(index: number, script: Script): Promise<void> {
  const old = memberAt(index);
  const port = Number(old.address.split(":")[1]);
  await old.close();
  members[index] = await startMember({ service: "Link", port });
  memberAt(index).script = script;
}

describe("the leader", () => {
  it("is found by a hint at once, and asked first from then on", async () => {
    lead(2);
    expect((await put()).status).toBe(200);
    expect([work(0).length, work(1).length, work(2).length]).toEqual([0, 0, 1]);
    expect((await put()).status).toBe(200);
    await fetch(url());
    // Only the session was asked for at the owner that the table names.
    expect([memberAt(0).calls.length, memberAt(1).calls.length]).toEqual([1, 0]);
    expect(work(2).every(({ wantsHint }) => wantsHint === true)).toBe(true);
  });

  it("is forgotten when it cannot be reached, and the others are asked", async () => {
    lead(0);
    expect((await put()).status).toBe(200);
    const old = memberAt(0);
    const port = Number(old.address.split(":")[1]);
    await old.close();
    members[1].script = withSessions(leader);
    members[2].script = follower(members[1]);
    expect((await put()).status).toBe(200);
    expect(work(1).length).toBe(1);
    members[0] = await startMember({ service: "Link", port });
  });

  it("may be missing for a while: the call waits for the next one within its deadline", async () => {
    lead(0);
    expect((await put()).status).toBe(200);
    let asked = 0;
    for (const member of members) {
      member.script = withSessions((_call, respond) => {
        asked += 1;
        if (asked < 8) refuse(respond, GrpcCode.unavailable, "NO_LEADER");
        else respond.ok([EMPTY]);
      });
    }
    expect((await put()).status).toBe(200);
    expect(asked).toBe(8);
  });

  it("that does not come is NO_LEADER within the deadline, with leave to try again", async () => {
    for (const member of members) {
      member.script = (_call, respond) => refuse(respond, GrpcCode.unavailable, "NO_LEADER");
    }
    const response = await put({ "x-oprc-timeout-ms": "400" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await codeOf(response)).toBe("NO_LEADER");
  });
});

describe("a write whose answer is lost", () => {
  // Whoever was lost just now is asked last: until the owner is asked first again.
  beforeEach(async () => {
    newClass("Basic");
    const isAsked = async (): Promise<boolean> => {
      await fetch(url());
      return memberAt(0).calls.length > 0;
    };
    await waitUntil(isAsked, { what: "the owner to be asked first", deadlineMs: 10_000 });
    newClass();
    for (const member of members) (member.calls as unknown[]).length = 0;
  });

  /** Takes the write, and then the link is lost. */
  function takesAndDies(index: number, next: Script) {
    const taken: WireCall[] = [];
    const restarted = new Promise<void>((resolve, reject) => {
      lead(index, (call) => {
        taken.push(call);
        restart(index, next).then(resolve, reject);
      });
    });
    return { taken, restarted };
  }

  it("is sent again under the same number of the same session", async () => {
    const again: WireCall[] = [];
    const { taken } = takesAndDies(
      0,
      withSessions((call, respond) => {
        again.push(call);
        respond.ok([EMPTY], { repeated: true });
      }),
    );
    members[1].script = members[2].script = (call, respond) => follower(memberAt(0))(call, respond);
    const response = await put();
    expect(response.status).toBe(200);
    expect(response.headers.get("idempotent-replayed")).toBe("true");
    const [first, second] = [taken[0]?.identity, again[0]?.identity];
    expect(first).toMatchObject({ kind: "session", sequence: 1, settledBelow: 1 });
    expect(second).toEqual(first);
    expect([taken.length, again.length]).toEqual([1, 1]);
  });

  it("and whose session has expired meanwhile is OUTCOME_UNKNOWN, never a second write", async () => {
    const { taken } = takesAndDies(
      0,
      withSessions((_call, respond) =>
        refuse(respond, GrpcCode.failedPrecondition, "SESSION_EXPIRED"),
      ),
    );
    members[1].script = members[2].script = (call, respond) => follower(memberAt(0))(call, respond);
    const response = await put();
    expect([response.status, response.headers.get("retry-after")]).toEqual([502, null]);
    expect(await codeOf(response)).toBe("OUTCOME_UNKNOWN");
    expect(taken.length).toBe(1);
    expect(work(0).length).toBe(1);
  });

  it("of a class that keeps no sessions is OUTCOME_UNKNOWN at once", async () => {
    newClass("Basic");
    const { taken, restarted } = takesAndDies(0, leader);
    const response = await put();
    await restarted;
    expect([response.status, response.headers.get("retry-after")]).toEqual([502, null]);
    expect(await codeOf(response)).toBe("OUTCOME_UNKNOWN");
    expect([taken.length, taken[0]?.identity, work(0).length]).toEqual([1, undefined, 0]);
  });

  it("is sent again there, too, if it came with an Idempotency-Key", async () => {
    newClass("Basic");
    const again: WireCall[] = [];
    const { taken } = takesAndDies(0, (call, respond) => {
      again.push(call);
      respond.ok([EMPTY]);
    });
    members[1].script = members[2].script = (_call, respond) =>
      refuse(respond, GrpcCode.unavailable, "SHARD_NOT_READY");
    expect((await put({ "Idempotency-Key": "order-7" })).status).toBe(200);
    const key = { kind: "key", key: "order-7" };
    expect([taken[0]?.identity, again[0]?.identity]).toEqual([key, key]);
  });

  it("does not keep a read from being sent again", async () => {
    newClass("Basic");
    const { taken, restarted } = takesAndDies(0, leader);
    const object = toBinary(ObjectResponseSchema, create(ObjectResponseSchema, { obj: {} }));
    members[1].script = (_call, respond) => respond.ok([object]);
    expect((await fetch(url())).status).toBe(200);
    await restarted;
    expect([taken.length, members[1].calls.length]).toEqual([1, 1]);
  });
});

describe("a session of the gateway", () => {
  it("is opened once per partition, and tells which answers have come", async () => {
    lead(0);
    for (let count = 0; count < 3; count += 1) expect((await put()).status).toBe(200);
    const opened = members[0].calls.filter(({ method }) => method === Method.OPEN_SESSION);
    const [request] = opened.map((call) => fromBinary(SessionRequestSchema, call.request));
    expect([opened.length, request?.collection, request?.partition]).toEqual([1, cls, 0]);
    const session = request?.session ?? "";
    expect(work(0).map(({ identity }) => identity)).toEqual(
      [1, 2, 3].map((sequence) => ({
        kind: "session",
        session,
        sequence,
        settledBelow: sequence,
      })),
    );
  });

  it("that has expired before a write was sent is replaced by another", async () => {
    let expired = true;
    const seen: unknown[] = [];
    lead(0, (call, respond: Responder) => {
      seen.push(call.identity);
      if (expired) refuse(respond, GrpcCode.failedPrecondition, "SESSION_EXPIRED");
      else respond.ok([EMPTY]);
      expired = false;
    });
    expect((await put()).status).toBe(200);
    expect(seen).toHaveLength(2);
    expect(seen[0]).not.toEqual(seen[1]);
    expect(seen[1]).toMatchObject({ sequence: 1 });
  });

  it("has no part in reads, and none in writes that bring a key of their own", async () => {
    lead(0);
    await fetch(url());
    await put({ "Idempotency-Key": "k1" });
    expect(members[0].calls.map(({ method }) => method)).toEqual([Method.GET, Method.SET]);
    expect(members[0].calls.map(({ identity }) => identity)).toEqual([
      undefined,
      { kind: "key", key: "k1" },
    ]);
  });
});

describe("Idempotency-Key", () => {
  it("with another request than before is 422 and says so", async () => {
    lead(0, (_call, respond) => refuse(respond, GrpcCode.failedPrecondition, "KEY_REUSED"));
    const response = await put({ "Idempotency-Key": "k" });
    expect([response.status, await codeOf(response)]).toEqual([422, "KEY_REUSED"]);
  });

  it("that is none is 400", async () => {
    const response = await put({ "Idempotency-Key": "a b" });
    expect([response.status, await codeOf(response)]).toEqual([400, "INVALID_IDEMPOTENCY_KEY"]);
  });
});

describe("what a read has to see", () => {
  const markOf = (index: number, partition = 0): PlacedMark => {
    return { cls, partition, incarnation: "i1", index };
  };

  it("is what its session wrote to the partition: the token of a write goes with it", async () => {
    lead(0, (_call, respond) => respond.ok([EMPTY], { mark: { incarnation: "i1", index: 41 } }));
    const before = encodeSessionToken([markOf(7, 3), markOf(40)]) ?? "";
    const written = await put({ [SESSION_HEADER]: before });
    const token = written.headers.get(SESSION_HEADER) ?? "";
    expect(decodeSessionToken(token)).toEqual([markOf(7, 3), markOf(41)]);
    await fetch(url(), { headers: { [SESSION_HEADER]: token } });
    expect(work(0).at(-1)?.demand).toEqual({
      strong: false,
      boundMs: undefined,
      marks: [{ incarnation: "i1", index: 41 }],
    });
  });

  it("is asked for by name, and a name that is none is 400", async () => {
    lead(0);
    await fetch(url(), { headers: { "x-oprc-consistency": "Strong" } });
    await fetch(url(), { headers: { "x-oprc-max-staleness-ms": "250" } });
    expect(work(0).map(({ demand }) => demand)).toEqual([
      { strong: true, boundMs: undefined, marks: [] },
      { strong: false, boundMs: 250, marks: [] },
    ]);
    const response = await fetch(url(), { headers: { "x-oprc-consistency": "eventual" } });
    expect([response.status, await codeOf(response)]).toEqual([400, "INVALID_CONSISTENCY"]);
    const foreign = await fetch(url(), { headers: { [SESSION_HEADER]: "something" } });
    expect([foreign.status, await codeOf(foreign)]).toEqual([400, "INVALID_SESSION_TOKEN"]);
  });

  it("may be ahead of a replica: another one is asked", async () => {
    members[0].script = (_call, respond) => refuse(respond, GrpcCode.unavailable, "REPLICA_BEHIND");
    const object = toBinary(ObjectResponseSchema, create(ObjectResponseSchema, { obj: {} }));
    members[1].script = (_call, respond) => respond.ok([object]);
    expect((await fetch(url())).status).toBe(200);
    expect([members[0].calls.length, members[1].calls.length]).toEqual([1, 1]);
  });
});
