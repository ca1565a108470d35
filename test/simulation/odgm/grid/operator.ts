// The operator of a simulated grid: it says which members shall hold which group, one generation at
// a time, waits until the leaders report that it is reached, and puts new machines in the place of
// those whose disk is lost.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import { isReached } from "#workloads/odgm/raft/steering.ts";

import type { Machine } from "./machine.ts";
import type { Plan, PlannedGroup } from "./plan.ts";
import type { World } from "./world.ts";

/** What the operator can do. */
export interface OperatorWorld {
  readonly world: World;
  readonly rng: Rng;
  machines(): readonly Machine[];
  /** A machine with an empty disk, that runs. */
  newMachine(): Machine;
  trace(line: string): void;
}

const LOOK_MS = 150;
/** An operator sees members with a delay, and acts on what it has seen. */
const TELL_SHARE = 0.7;

/** See the top of the file. */
export class Operator {
  private readonly around: OperatorWorld;
  plan: Plan;
  /** How often members were changed. */
  changes = 0;

  constructor(around: OperatorWorld, plan: Plan) {
    this.around = around;
    this.plan = plan;
    around.world.after(LOOK_MS, () => this.look());
  }

  /** Looks again and again, as long as the world goes on. */
  private look(): void {
    const { world, rng } = this.around;
    for (const machine of this.around.machines()) {
      const { process } = machine;
      machine.look();
      if (process === undefined || process.plan.generation >= this.plan.generation) continue;
      if (rng.next() >= TELL_SHARE) continue;
      world.isStirred = true;
      // A process that ends meanwhile is told again when it is back.
      process.apply(this.plan).catch((cause: unknown) => machine.told(cause));
    }
    this.replaceLost();
    world.after(LOOK_MS * (0.5 + rng.next()), () => this.look());
  }

  /** True if every group is led by somebody who says that the plan is reached. */
  get isReached(): boolean {
    return this.plan.groups.every((group) => this.reached(group));
  }

  private reached({ number }: PlannedGroup): boolean {
    return this.around.machines().some((machine) => {
      const view = machine.process?.groups.get(number)?.view();
      return view?.role === "leader" && view.reachedGeneration === BigInt(this.plan.generation);
    });
  }

  /** True if every group is led by somebody whose group has exactly the members of the plan. */
  get isThere(): boolean {
    return this.plan.groups.every(({ number, members }) =>
      this.around.machines().some((machine) => {
        const group = machine.process?.groups.get(number);
        return group?.isLeading === true && isReached(group.view().config, members);
      }),
    );
  }

  /** Who is to hold any group. */
  get members(): ReadonlySet<MemberId> {
    return new Set(this.plan.groups.flatMap(({ members }) => members));
  }

  /** Lost machines are replaced by new ones, wherever they are wanted. */
  private replaceLost(): void {
    const { members } = this;
    const lost = this.around.machines().find(({ isLost, member }) => isLost && members.has(member));
    if (lost === undefined) return;
    const { member } = this.around.newMachine();
    this.around.trace(`operator: ${member} takes the place of ${lost.member}`);
    this.wish((group) => group.members.map((each) => (each === lost.member ? member : each)));
  }

  private wish(membersOf: (group: PlannedGroup) => readonly MemberId[]): void {
    const { generation, groups } = this.plan;
    const next = groups.map((group) => ({ ...group, members: membersOf(group) }));
    this.plan = { generation: generation + 1, groups: next };
    this.changes += 1;
    const text = next.map(({ number, members }) => `g${number}: ${members.join(" ")}`).join(", ");
    this.around.trace(`operator: generation ${generation + 1}: ${text}`);
  }

  /** Some change of one group that keeps everything that it holds; false if there is none now. */
  change(): boolean {
    if (!this.isReached) return false;
    const { rng } = this.around;
    const usable = this.around.machines().filter(({ isLost }) => !isLost);
    const at = Math.floor(rng.next() * this.plan.groups.length);
    const group = this.plan.groups[at];
    assert(group !== undefined, "there is a group");
    const others = usable.filter(({ member }) => !group.members.includes(member));
    const spare = others[Math.floor(rng.next() * others.length)]?.member;
    const members = this.changed(this.ledFirst(group), spare);
    if (members === undefined) return false;
    this.wish((each) => (each === group ? members : each.members));
    return true;
  }

  /** Who leads now is first, so that leadership need not move. */
  private ledFirst({ number, members }: PlannedGroup): readonly MemberId[] {
    const leads = (member: MemberId): boolean =>
      this.around
        .machines()
        .some((each) => each.member === member && each.process?.groups.get(number)?.isLeading);
    return [...members].sort((one, two) => Number(leads(two)) - Number(leads(one)));
  }

  private changed(
    members: readonly MemberId[],
    spare: MemberId | undefined,
  ): readonly MemberId[] | undefined {
    const { rng } = this.around;
    const dice = rng.next();
    const who = Math.floor(rng.next() * members.length);
    // Another leader.
    if (dice < 0.25) return [...members.slice(who), ...members.slice(0, who)];
    if (dice < 0.65 && spare !== undefined) {
      return members.map((member, at) => (at === who ? spare : member));
    }
    if (dice < 0.85) {
      const extra = spare ?? (members.length < 5 ? this.around.newMachine().member : undefined);
      return extra === undefined ? undefined : [...members, extra];
    }
    return members.length > 3 ? members.filter((_, at) => at !== who) : undefined;
  }
}
