import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "@jest/globals";

import { MemberStatusSchema, ShardState } from "#api/gen/oaas-admin_pb.ts";
import type { MemberTarget, MemberView } from "#controllers/odgm-collection/port.ts";
import { FakeClock, settle } from "#controllers/runtime/testing/fake-clock.ts";

import type { PooledMember } from "./member-pool.ts";
import { COUNTS_MS, MemberPool } from "./member-pool.ts";

const KEY = { namespace: "shop", name: "cart" };
const OTHER = { namespace: "shop", name: "order" };

class FakeMember implements PooledMember {
  readonly target: MemberTarget;
  view: MemberView = { kind: "connecting" };
  closed = false;
  readonly #onChange: () => void;
  readonly #heard = Promise.withResolvers<void>();

  constructor(target: MemberTarget, onChange: () => void) {
    this.target = target;
    this.#onChange = onChange;
  }

  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  says(view: MemberView): void {
    this.view = view;
    this.#heard.resolve();
    this.#onChange();
  }

  close(): void {
    this.closed = true;
  }
}

const target = (ordinal: number, address = `10.0.0.${ordinal}:8082`): MemberTarget => ({
  ordinal,
  address,
  identity: "spiffe://u/x",
});

const status = (objects: number, generation = 1n): MemberView => ({
  kind: "known",
  status: create(MemberStatusSchema, {
    generation,
    usedBytes: BigInt(objects),
    shards: [{ partition: 0, state: ShardState.READY, objects: BigInt(objects) }],
  }),
});

let clock: FakeClock;
let opened: FakeMember[];
let pool: MemberPool<FakeMember>;
let woken: string[];

beforeEach(() => {
  clock = new FakeClock();
  opened = [];
  woken = [];
  pool = new MemberPool((to, onChange) => {
    const member = new FakeMember(to, onChange);
    opened.push(member);
    return member;
  }, clock);
  pool.subscribe((key) => woken.push(key.name));
});

const open = (): readonly string[] =>
  opened.filter((member) => !member.closed).map((member) => member.target.address);

describe("connections", () => {
  it("are opened once, and closed when a pod gets another address or goes", () => {
    pool.views(KEY, [target(0), target(1)]);
    pool.views(KEY, [target(0), target(1)]);
    expect(opened).toHaveLength(2);
    for (let n = 0; n < 20; n += 1) pool.views(KEY, [target(0), target(1, `10.1.0.${n}:8082`)]);
    expect(open()).toEqual(["10.0.0.0:8082", "10.1.0.19:8082"]);
    expect(pool.size).toBe(2);
    pool.views(KEY, []);
    expect(open()).toEqual([]);
  });

  it("of a deleted collection end, and its timers with them", () => {
    pool.views(KEY, [target(0)]);
    pool.views(OTHER, [target(7)]);
    opened[0]?.says(status(1));
    opened[0]?.says(status(2));
    pool.retain([OTHER]);
    expect(open()).toEqual(["10.0.0.7:8082"]);
    expect(clock.waiting).toBe(0);
    pool.close();
    expect(open()).toEqual([]);
    expect(pool.size).toBe(0);
  });

  it("are used for calls; a member that is not watched gets a passing one", async () => {
    pool.views(KEY, [target(0)]);
    expect(await pool.call(target(0), (member) => Promise.resolve(member))).toBe(opened[0]);
    const failing = pool.call(target(5), () => Promise.reject(new Error("refused")));
    await expect(failing).rejects.toThrow("refused");
    expect(open()).toEqual(["10.0.0.0:8082"]);
  });
});

describe("heard", () => {
  it("waits for first words, but not for ever", async () => {
    let views: ReadonlyMap<number, MemberView> | undefined;
    void pool.heard(KEY, [target(0), target(1)], 3_000).then((told) => (views = told));
    opened[0]?.says(status(1));
    await settle();
    expect(views).toBeUndefined();
    await clock.advance(3_000);
    expect([...(views?.values() ?? [])].map((view) => view.kind)).toEqual(["known", "connecting"]);
    expect(clock.waiting).toBe(0);
  });

  it("does not wait once all have spoken", async () => {
    const told = pool.heard(KEY, [target(0)], 3_000);
    opened[0]?.says({ kind: "unreachable", message: "no route" });
    expect((await told).get(0)?.kind).toBe("unreachable");
    expect(clock.waiting).toBe(0);
  });
});

describe("news", () => {
  beforeEach(() => {
    pool.views(KEY, [target(0), target(1)]);
    for (const member of opened) member.says(status(0));
    woken.length = 0;
  });

  it("of counts wake at most once in 15 s, whichever members count", async () => {
    for (let second = 0; second < 60; second += 1) {
      opened[second % 2]?.says(status(second));
      await clock.advance(1_000);
    }
    expect(woken).toHaveLength(Math.floor(60_000 / COUNTS_MS));
  });

  it("of anything else wake at once", () => {
    opened[0]?.says(status(0, 2n));
    opened[1]?.says({ kind: "unreachable", message: "gone" });
    opened[1]?.says(status(0));
    expect(woken).toHaveLength(3);
  });
});
