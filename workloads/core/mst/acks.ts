// Who has merged what, and the cut below which tombstones may go. The rule (design 5b): a tombstone
// is purged only below a cut that every member of the generation has acknowledged.
//
// Member i has completed a pull from j that began when j promised "all my writes up to p are in my
// tree": then i has every write of j up to p. If it has done so with every member of the generation
// it has every write of anybody up to the least p: that is its ack. Writers that are members no
// more cannot add to what members hold, because messages of other generations are refused; what
// they left with one member comes with the pull from that member. So promises count only within
// the generation in which they were given, while an ack once reached stays true.

/** Acks of one member about all. Times are those of `Stamp.time`. */
export class AckTable {
  readonly #self: string;
  #others: readonly string[] = [];
  #floor: number;
  readonly #promises = new Map<string, number>();
  readonly #acks = new Map<string, number>();

  /** `ack` is the durable one of an earlier life, 0 for a member that is new. */
  constructor(options: { readonly self: string; readonly ack: number }) {
    this.#self = options.self;
    this.#floor = options.ack;
  }

  /** A generation begins: promises must be earned anew, our durable ack stays. */
  setMembers(members: readonly string[], durableAck: number): void {
    this.#floor = durableAck;
    this.#promises.clear();
    this.#others = members.filter((member) => member !== this.#self);
    for (const member of this.#acks.keys()) {
      if (!members.includes(member)) this.#acks.delete(member);
    }
  }

  /** A pull from `member` is complete; `promise` is what it said when the pull began. */
  pulled(member: string, promise: number): void {
    if (!this.#others.includes(member)) return;
    this.#promises.set(member, Math.max(promise, this.#promises.get(member) ?? 0));
  }

  /** What `member` says of itself. */
  heard(member: string, ack: number): void {
    if (!this.#others.includes(member)) return;
    this.#acks.set(member, Math.max(ack, this.#acks.get(member) ?? 0));
  }

  /** Whether everything that `member` wrote up to this time is merged here. */
  hasFrom(member: string, time: number): boolean {
    return time <= Math.max(this.#promises.get(member) ?? 0, this.ack());
  }

  /** Everything that anybody wrote up to this time is merged here. */
  ack(): number {
    if (this.#others.length === 0) return this.#floor;
    const promises = this.#others.map((member) => this.#promises.get(member) ?? 0);
    return Math.max(this.#floor, Math.min(...promises));
  }

  /** Whether every other member was pulled from in this generation. */
  isComplete(): boolean {
    return this.#others.every((member) => this.#promises.has(member));
  }

  /**
   * The cut that every member has acknowledged, as far as we know. `ownAck` is our durable ack;
   * `alone` is what a group of one member may cut at: its own promise.
   */
  cut(ownAck: number, alone: number): number {
    if (this.#others.length === 0) return alone;
    return Math.min(ownAck, ...this.#others.map((member) => this.#acks.get(member) ?? 0));
  }
}
