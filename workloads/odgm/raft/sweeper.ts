// Removes states that are not used any more, a slice per commit and one after the other, so that
// nobody waits for it.
import type { StoreRange } from "#workloads/core/store/index.ts";

import { copyOf, keyAfter, stateRanges } from "./keys.ts";
import { damagedKeyOf } from "./log.ts";
import type { GroupCommitMember, GroupWorld } from "./ports.ts";

/** Records of one slice. */
const SLICE = 500;

interface Work {
  readonly number: number;
  readonly done: (() => void)[];
}

/** See the top of the file. */
export class Sweeper {
  private readonly world: Pick<GroupWorld, "store" | "committer">;
  private readonly member: GroupCommitMember;
  private readonly works: Work[] = [];
  private isRunning = false;

  constructor(world: Pick<GroupWorld, "store" | "committer">, member: GroupCommitMember) {
    this.world = world;
    this.member = member;
  }

  /** Removes everything with this prefix; `done` is called when nothing of it is left. */
  sweep(number: number, done?: () => void): void {
    const known = this.works.find((work) => work.number === number);
    const work = known ?? { number, done: [] };
    if (done !== undefined) work.done.push(done);
    if (known === undefined) this.works.push(work);
    if (this.isRunning) return;
    this.isRunning = true;
    // What is on its way there is part of it.
    this.world.committer.whenDurable(() => this.next());
  }

  private next(): void {
    const [work] = this.works;
    this.isRunning = work !== undefined;
    if (work === undefined) return;
    const keys: Uint8Array[] = [];
    for (const range of stateRanges(work.number)) this.collect(range, keys);
    if (keys.length === 0) {
      this.works.shift();
      for (const done of work.done) done();
      this.next();
      return;
    }
    const { committer } = this.world;
    committer.add(
      this.member,
      keys.map((key) => ({ key, value: undefined, index: 0 })),
    );
    committer.whenDurable(() => this.next());
  }

  private collect(range: StoreRange, keys: Uint8Array[]): void {
    let start: Uint8Array | undefined = range.start;
    while (start !== undefined && keys.length < SLICE) {
      start = this.collectFrom({ start, end: range.end }, keys);
    }
  }

  /** Where to go on behind a value that cannot be read; its key can be removed all the same. */
  private collectFrom(range: StoreRange, keys: Uint8Array[]): Uint8Array | undefined {
    try {
      for (const { key } of this.world.store.scan(range, { limit: SLICE - keys.length })) {
        keys.push(copyOf(key));
      }
      return undefined;
    } catch (cause: unknown) {
      const damaged = damagedKeyOf(cause);
      if (damaged === undefined) throw cause;
      keys.push(damaged);
      return keyAfter(damaged);
    }
  }
}
