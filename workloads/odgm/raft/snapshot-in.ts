// A snapshot of another member on its way in: its records go under the prefix that the state does
// not have, and when everything is there and has the digest that it should have, the core may take
// it over with one record.
import type { Logger } from "#api/base/index.ts";
import type { GroupId, SnapshotHandle } from "#workloads/core/raft/index.ts";
import { shardKey } from "#workloads/core/store/index.ts";

import type { HostMessage } from "./frames.ts";
import { copyOf, withNumber } from "./keys.ts";
import type { StatePlace } from "./log.ts";
import type { GroupWorld } from "./ports.ts";
import type { Replica } from "./replica.ts";
import { decodeStateRecord, GroupState } from "./state.ts";
import type { Sweeper } from "./sweeper.ts";

type Part = Extract<HostMessage, { kind: "begin" | "chunk" | "end" }>;

interface Arriving {
  readonly snapshot: string;
  readonly number: number;
  readonly place: StatePlace;
  /** Undefined until what was there before is gone. */
  state: GroupState | undefined;
  isWhole: boolean;
  bytes: number;
}

/** One snapshot per group at a time; a newer attempt takes the place of an older one. */
export class SnapshotReceiver {
  private readonly world: GroupWorld;
  private readonly sweeper: Sweeper;
  private readonly log: Logger;
  private readonly arriving = new Map<GroupId, Arriving>();

  constructor(world: GroupWorld, sweeper: Sweeper) {
    this.world = world;
    this.sweeper = sweeper;
    this.log = world.log;
  }

  /** Takes a part; `done` says whether the sender may go on. */
  receive(replica: Replica | undefined, part: Part, done: (isTaken: boolean) => void): void {
    if (replica === undefined) {
      done(false);
      return;
    }
    if (part.kind === "begin") {
      this.begin(replica, part.snapshot, done);
      return;
    }
    const arriving = this.arriving.get(part.group);
    if (arriving?.state === undefined || arriving.snapshot !== part.snapshot || arriving.isWhole) {
      done(false);
      return;
    }
    if (part.kind === "chunk") this.takeChunk(arriving, arriving.state, part, done);
    else this.end(arriving, arriving.state, part, done);
  }

  private begin(replica: Replica, snapshot: string, done: (isTaken: boolean) => void): void {
    if (replica.isRestoring || this.arriving.get(replica.id)?.isWhole === true) {
      // It is being taken over; what follows is in the log.
      done(false);
      return;
    }
    const number = replica.otherNumber;
    const side = number === replica.id ? 0 : 1;
    const arriving: Arriving = {
      snapshot,
      number,
      place: { side, isVoid: false, isGone: false },
      state: undefined,
      isWhole: false,
      bytes: 0,
    };
    this.arriving.set(replica.id, arriving);
    const { store, committer, hasher } = this.world;
    this.sweeper.sweep(number, () => {
      if (this.arriving.get(replica.id) !== arriving) {
        done(false);
        return;
      }
      const options = { number, store, committer, hasher, isVoid: false, seal: undefined };
      arriving.state = new GroupState(options);
      done(true);
    });
  }

  private takeChunk(
    arriving: Arriving,
    state: GroupState,
    part: Extract<Part, { kind: "chunk" }>,
    done: (isTaken: boolean) => void,
  ): void {
    for (const { key, value, index } of part.items) {
      arriving.bytes += key.byteLength + (value?.byteLength ?? 0);
      // The bytes of the message belong to the link.
      state.set(withNumber(key, arriving.number), value && copyOf(value), index);
    }
    state.flush();
    this.world.committer.whenDurable(() => done(true));
  }

  private end(
    arriving: Arriving,
    state: GroupState,
    part: Extract<Part, { kind: "end" }>,
    done: (isTaken: boolean) => void,
  ): void {
    const record = decodeStateRecord(part.record);
    if (record.digest !== state.digest || record.bytes !== state.bytes) {
      const { applied, bytes, digest } = record;
      this.log.error("snapshot is not whole", {
        ...{ group: part.group, snapshot: part.snapshot, applied },
        wanted: { bytes, digest: String(digest) },
        found: { bytes: state.bytes, digest: String(state.digest) },
      });
      this.drop(part.group);
      done(false);
      return;
    }
    arriving.isWhole = true;
    this.world.observer.snapshot("received", arriving.bytes);
    const key = shardKey(arriving.number);
    this.world.committer.add(state, [{ key, value: copyOf(part.record), index: record.applied }]);
    this.world.committer.whenDurable(() => done(this.arriving.get(part.group) === arriving));
  }

  /** The core takes the snapshot over: where the state will be. */
  take(group: GroupId, handle: SnapshotHandle): StatePlace | undefined {
    const arriving = this.arriving.get(group);
    if (arriving?.snapshot !== handle || !arriving.isWhole) return undefined;
    this.arriving.delete(group);
    return arriving.place;
  }

  /** The core does not need it. */
  discard(group: GroupId, handle: SnapshotHandle): void {
    if (this.arriving.get(group)?.snapshot === handle) this.drop(group);
  }

  /** Forgets what arrives for this group. */
  drop(group: GroupId): void {
    const arriving = this.arriving.get(group);
    if (arriving === undefined) return;
    this.arriving.delete(group);
    this.sweeper.sweep(arriving.number);
  }
}
