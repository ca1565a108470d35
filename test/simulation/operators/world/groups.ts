// The Raft groups of the members, as far as the operator can see them: who leads, who is in, who
// learns. A group goes on by itself, a step at a time, as odgm's do: whoever is missing by the
// leader's generation learns, then becomes a voter in one change that lets the others go. No log is
// kept but that of the meta group; that a majority is needed for everything is.
import { create } from "@bufbuild/protobuf";

import type { CollectionSpec, RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { RaftRole, RaftStatusSchema } from "#api/gen/oaas-admin_pb.ts";
import type { Dice } from "#controllers/runtime/testing/index.ts";

/** What a group needs to know of the members. Members are named by incarnation. */
export interface Members {
  /** Its process runs on its own store. */
  isUp(member: string): boolean;
  /** Its store is there, with or without a process. */
  exists(member: string): boolean;
  isResigned(member: string): boolean;
  /** Its status may be another one. */
  changed(member: string): void;
  schedule(delayMs: number, run: () => void): void;
}

interface Wanted {
  readonly generation: bigint;
  readonly members: readonly string[];
}

/** Looks that a learner takes until it has caught up. */
const LEARNING_LOOKS = 2;
const LOOK_MS = { min: 200, max: 1_200 } as const;

/** One group. */
export class SimGroup {
  voters: readonly string[];
  leader: string | undefined;
  /** What was committed, of a meta group. */
  committed: CollectionSpec | undefined;
  readonly #learners = new Map<string, number>();
  readonly #wanted = new Map<string, Wanted>();
  readonly #members: Members;
  readonly #dice: Dice;
  #term = 0n;
  /** How it was when its members were last told. */
  #told = "";
  #isScheduled = false;

  constructor(members: Members, dice: Dice, founders: readonly string[]) {
    this.#members = members;
    this.#dice = dice;
    this.voters = founders;
    this.look();
  }

  /** A majority of its voters still has a store. */
  get isAlive(): boolean {
    return (
      2 * this.voters.filter((voter) => this.#members.exists(voter)).length > this.voters.length
    );
  }

  holds(member: string): boolean {
    return this.voters.includes(member) || this.#learners.has(member);
  }

  /** A member learns what the group shall look like. */
  tell(member: string, wanted: Wanted): void {
    this.#wanted.set(member, wanted);
    this.#soon();
  }

  /** Something may have happened to a member. */
  look(): void {
    this.#elect();
    const isSettled = this.#steer();
    const ups = this.voters.filter((voter) => this.#members.isUp(voter));
    const print = JSON.stringify([this.leader, this.#term.toString(), this.voters, ups]);
    const learning = JSON.stringify([...this.#learners]);
    if (print + learning !== this.#told) {
      this.#told = print + learning;
      this.#tellAll();
    }
    if (!isSettled) this.#soon();
  }

  /** As this member knows it; undefined if it has no part in it. */
  statusOf(member: string): RaftStatus | undefined {
    if (!this.holds(member)) return undefined;
    const wanted = this.#wanted.get(member);
    const leads = this.leader === member;
    const isReached =
      wanted !== undefined &&
      this.#learners.size === 0 &&
      wanted.members.length === this.voters.length &&
      wanted.members.every((other) => this.voters.includes(other));
    const others = [...this.voters, ...this.#learners.keys()].filter((other) => other !== member);
    const isVoter = this.voters.includes(member);
    return create(RaftStatusSchema, {
      role: leads ? RaftRole.LEADER : isVoter ? RaftRole.FOLLOWER : RaftRole.LEARNER,
      term: this.#term,
      leader: this.leader ?? "",
      voters: [...this.voters].sort(),
      learners: [...this.#learners.keys()].sort(),
      reachedGeneration: leads && isReached ? wanted.generation : 0n,
      members: leads
        ? others.map((incarnation) => {
            const active = this.#members.isUp(incarnation);
            const caughtUp = active && (this.#learners.get(incarnation) ?? LEARNING_LOOKS) > 1;
            return { incarnation, active, caughtUp };
          })
        : [],
    });
  }

  #isReady(member: string): boolean {
    if (!this.#members.isUp(member)) return false;
    return (this.#learners.get(member) ?? LEARNING_LOOKS) >= LEARNING_LOOKS;
  }

  #elect(): void {
    const up = this.voters.filter((voter) => this.#members.isUp(voter));
    if (2 * up.length <= this.voters.length) {
      this.leader = undefined;
      return;
    }
    const isFine = this.leader !== undefined && up.includes(this.leader);
    const willing = up.filter((voter) => !this.#members.isResigned(voter));
    if (isFine && (willing.length === 0 || willing.includes(this.leader ?? ""))) return;
    this.#lead((willing.length === 0 ? up : willing)[0]);
  }

  #lead(member: string | undefined): void {
    if (member === undefined || member === this.leader) return;
    this.leader = member;
    this.#term += 1n;
  }

  /** One step of the leader towards what it knows is wanted; true if there is nothing to do. */
  #steer(): boolean {
    const { leader } = this;
    const wanted = leader === undefined ? undefined : this.#wanted.get(leader);
    if (leader === undefined || wanted === undefined) return true;
    const missing = wanted.members.filter((member) => !this.holds(member));
    for (const member of missing) this.#learners.set(member, 0);
    for (const member of [...this.#learners.keys()]) {
      if (!wanted.members.includes(member)) this.#learners.delete(member);
    }
    if (missing.length > 0) return false;
    const isSame =
      wanted.members.length === this.voters.length &&
      wanted.members.every((member) => this.voters.includes(member));
    if (isSame) return this.#prefer(wanted);
    for (const [member, looks] of this.#learners) {
      if (this.#members.isUp(member)) this.#learners.set(member, looks + 1);
    }
    const rising = wanted.members.filter((member) => this.#learners.has(member));
    const there = wanted.members.filter((member) => this.#isReady(member));
    if (rising.some((member) => !this.#isReady(member))) return false;
    if (2 * there.length <= wanted.members.length) return false;
    this.voters = [...wanted.members];
    this.#learners.clear();
    if (!this.voters.includes(leader)) this.leader = undefined;
    return false;
  }

  #prefer({ members }: Wanted): boolean {
    const [first] = members;
    if (first === undefined || first === this.leader) return true;
    if (!this.#members.isUp(first) || this.#members.isResigned(first)) return true;
    this.#lead(first);
    return true;
  }

  #tellAll(): void {
    for (const member of this.#wanted.keys()) this.#members.changed(member);
  }

  #soon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#members.schedule(this.#dice.int(LOOK_MS.min, LOOK_MS.max), () => {
      this.#isScheduled = false;
      this.look();
    });
  }
}
