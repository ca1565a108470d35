// Several members in one process under one virtual clock: links that take a millisecond and can be
// cut, disks that take a millisecond and keep what was committed over a restart. What happens is
// decided by the seed and the test.
import { assert } from "#api/base/index.ts";
import type { Logger, Rng } from "#api/base/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import type { StoreItem, StoreRange, StoreValue, StoreWrite } from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

import { GroupHost } from "../host.ts";
import { keyBytes, keyText } from "../keys.ts";
import type {
  GroupCommitMember,
  GroupCommitter,
  GroupObserver,
  GroupWorld,
  StopTimer,
  Timers,
} from "../ports.ts";

const LINK_MS = 1;
const DISK_MS = 1;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that passes when it is told to. */
export class VirtualTime {
  nowMs = 0;
  private events: Event[] = [];
  private order = 0;

  at(ms: number, run: () => void): StopTimer {
    this.order += 1;
    const event = { atMs: this.nowMs + ms, order: this.order, run };
    this.events.push(event);
    return () => {
      this.events = this.events.filter((other) => other !== event);
    };
  }

  /** Runs the next event and what it resolves. */
  async step(): Promise<void> {
    const next = this.events.reduce<Event | undefined>((best, event) => {
      if (best === undefined || event.atMs < best.atMs) return event;
      return event.atMs === best.atMs && event.order < best.order ? event : best;
    }, undefined);
    assert(next !== undefined, "something is always going to happen");
    this.events = this.events.filter((event) => event !== next);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.run();
    // Promises of what was run; none waits for anything but events.
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  }

  /** Lets time pass until this holds; fails after so many milliseconds. */
  async until(isSo: () => boolean, what: string, withinMs = 20_000): Promise<void> {
    const endMs = this.nowMs + withinMs;
    while (!isSo()) {
      assert(this.nowMs < endMs, `not within ${withinMs} ms: ${what}`);
      await this.step();
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    let isOver = false;
    this.at(endMs - this.nowMs, () => (isOver = true));
    while (!isOver) await this.step();
  }
}

/** What one disk holds. Reads are of what is durable. */
export class TestDisk {
  readonly values = new Map<string, StoreValue>();
  private readonly damaged = new Set<string>();
  writes = 0;

  get(key: Uint8Array): StoreValue | undefined {
    const text = keyText(key);
    if (this.damaged.has(text)) {
      throw new StoreError("STORE_DAMAGED", "its checksum is wrong", undefined, key);
    }
    return this.values.get(text);
  }

  *scan(range: StoreRange, options: { readonly limit?: number } = {}): Iterable<StoreItem> {
    const [start, end] = [keyText(range.start), keyText(range.end)];
    const keys = [...this.values.keys()].filter((key) => key >= start && key < end).sort();
    for (const text of keys.slice(0, options.limit)) {
      const value = this.get(keyBytes(text));
      if (value !== undefined) yield { key: keyBytes(text), ...value };
    }
  }

  apply(writes: readonly StoreWrite[]): void {
    this.writes += 1;
    for (const { key, value, index } of writes) {
      const text = keyText(key);
      this.damaged.delete(text);
      if (value === undefined) this.values.delete(text);
      else this.values.set(text, { value: value.slice(), index });
    }
  }

  /** From now on this value's checksum does not hold. */
  damage(key: Uint8Array): void {
    assert(this.values.has(keyText(key)), "there is something to damage");
    this.damaged.add(keyText(key));
  }
}

/** The group commit, in virtual time. */
class TestCommitter implements GroupCommitter {
  openBatch = 1;
  isDead = false;
  private readonly time: VirtualTime;
  private readonly disk: TestDisk;
  private writes = new Map<string, StoreWrite>();
  private members = new Set<GroupCommitMember>();
  private waiters: (() => void)[] = [];
  private inflight: (() => void)[] | undefined;
  private isScheduled = false;

  constructor(time: VirtualTime, disk: TestDisk) {
    this.time = time;
    this.disk = disk;
  }

  add(member: GroupCommitMember, writes: readonly StoreWrite[]): void {
    this.members.add(member);
    for (const write of writes) this.writes.set(keyText(write.key), write);
    this.schedule();
  }

  whenDurable(callback: () => void): void {
    if (this.members.size > 0) this.waiters.push(callback);
    else if (this.inflight !== undefined) this.inflight.push(callback);
    else callback();
  }

  private schedule(): void {
    if (this.isScheduled || this.inflight !== undefined) return;
    this.isScheduled = true;
    this.time.at(0, () => {
      this.isScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.isDead) return;
    const { writes, members, openBatch: number } = this;
    const waiters = (this.inflight = this.waiters);
    this.writes = new Map();
    this.members = new Set();
    this.waiters = [];
    this.openBatch += 1;
    for (const member of members) {
      for (const write of member.sealBatch(number)) writes.set(keyText(write.key), write);
    }
    this.time.at(DISK_MS, () => {
      if (this.isDead) return;
      this.disk.apply([...writes.values()]);
      this.inflight = undefined;
      for (const member of members) member.batchDurable(number);
      if (this.members.size > 0) this.schedule();
      for (const waiter of waiters) waiter();
    });
  }
}

/** One member: its disk stays when its process ends. */
export interface TestMember {
  readonly id: MemberId;
  readonly disk: TestDisk;
  host: GroupHost;
  isAlive: boolean;
  /** Ends the process as a crash does. */
  kill: () => void;
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

const nobody: GroupObserver = {
  proposed: () => undefined,
  commandApplied: () => undefined,
  leaderChanged: () => undefined,
  loopLag: () => undefined,
  snapshot: () => undefined,
};

/** FNV-1a over 64 bits: good enough for digests of tests. */
function testHash(data: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of data) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** See the top of the file. */
export class TestGrid {
  readonly time = new VirtualTime();
  readonly members = new Map<MemberId, TestMember>();
  private readonly cut = new Set<string>();
  private readonly rng: Rng;
  private readonly log: Logger;
  /** Bytes of each message are told, so that a test can see what was sent. */
  onMessage: ((from: MemberId, to: MemberId, payload: Uint8Array) => void) | undefined;

  constructor(rng: Rng, log: Logger = quiet) {
    this.rng = rng;
    this.log = log;
  }

  /** Starts a member on a new disk, or on the one that it had. */
  start(id: MemberId): TestMember {
    const known = this.members.get(id);
    const disk = known?.disk ?? new TestDisk();
    const committer = new TestCommitter(this.time, disk);
    const process = { isAlive: true };
    const world = this.world(id, disk, committer, process);
    const host = new GroupHost(id, world);
    const member: TestMember = known ?? { id, disk, host, isAlive: true, kill: () => undefined };
    member.host = host;
    member.isAlive = true;
    member.kill = () => {
      process.isAlive = false;
      committer.isDead = true;
      member.isAlive = false;
    };
    this.members.set(id, member);
    return member;
  }

  /** Nothing goes between this member and the others, or does again. */
  isolate(id: MemberId, isCut: boolean): void {
    for (const other of this.members.keys()) {
      for (const pair of [`${id}>${other}`, `${other}>${id}`]) {
        if (isCut) this.cut.add(pair);
        else this.cut.delete(pair);
      }
    }
  }

  private world(
    self: MemberId,
    disk: TestDisk,
    committer: TestCommitter,
    process: { readonly isAlive: boolean },
  ): GroupWorld {
    const { time } = this;
    const alive = (run: () => void) => () => {
      if (process.isAlive) run();
    };
    const timers: Timers = {
      every: (ms, run) => {
        let stop: StopTimer = () => undefined;
        const again = (): void => {
          stop = time.at(ms, again);
          alive(run)();
        };
        stop = time.at(ms, again);
        return () => stop();
      },
      after: (ms, run) => time.at(ms, alive(run)),
      endOfTurn: (run) => void time.at(0, alive(run)),
    };
    return {
      store: disk,
      committer,
      timers,
      links: {
        send: (to, { payload, timeoutMs }, answered) => {
          let isOver = false;
          const end = (answer: Uint8Array | undefined): void => {
            if (isOver) return;
            isOver = true;
            alive(() => answered(answer))();
          };
          const peer = this.members.get(to);
          const isOpen = (a: MemberId, b: MemberId): boolean => !this.cut.has(`${a}>${b}`);
          if (peer?.isAlive !== true) {
            time.at(LINK_MS, () => end(undefined));
            return;
          }
          time.at(timeoutMs, () => end(undefined));
          time.at(LINK_MS, () => {
            if (!peer.isAlive || !isOpen(self, to)) return;
            this.onMessage?.(self, to, payload);
            // As a link hands it in: a part of something larger.
            peer.host.receive(
              self,
              Buffer.concat([Buffer.alloc(3), payload]).subarray(3),
              (answer) => {
                time.at(LINK_MS, () => {
                  if (isOpen(to, self)) end(answer);
                });
              },
            );
          });
        },
      },
      clock: { nowMs: () => 1_700_000_000_000 + time.nowMs, monotonicMs: () => time.nowMs },
      rng: this.rng,
      hasher: testHash,
      log: this.log.child({ member: self }),
      observer: nobody,
    };
  }
}
