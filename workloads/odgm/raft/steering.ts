// What the leader of a group does next to bring it to its wanted members: learners for those that
// are missing, then one change that makes them voters and lets go of the others, then the wanted
// leader. One step at a time, each safe by itself; a pure function of what the leader sees.
import type { ConfigChange, MemberChange, MemberId } from "#workloads/core/raft/index.ts";
import { isJoint } from "#workloads/core/raft/index.ts";

import type { GroupView } from "./group.ts";

/** What the leader knows of others beside the view of its group. */
export interface Surroundings {
  /** Members that take no leadership now. */
  isResigned(member: MemberId): boolean;
  /** Members whose disk is full: they lead only if nobody else can. */
  isFull(member: MemberId): boolean;
}

/** What to do next. */
export type Step =
  | { readonly kind: "change"; readonly change: ConfigChange }
  | { readonly kind: "transfer"; readonly target: MemberId }
  /** Something is on its way; look again later. */
  | { readonly kind: "wait"; readonly why: string }
  /** The group is as wanted. */
  | { readonly kind: "settled" };

/** True if the voters are exactly the wanted members, without learners and not joint. */
export function isReached(config: GroupView["config"], wanted: readonly MemberId[]): boolean {
  return (
    !isJoint(config) &&
    config.learners.length === 0 &&
    config.voters.length === wanted.length &&
    wanted.every((member) => config.voters.includes(member))
  );
}

/** See the top of the file. `wanted` is not empty. */
export function nextStep(view: GroupView, wanted: readonly MemberId[], around: Surroundings): Step {
  const { config } = view;
  if (isJoint(config)) return { kind: "wait", why: "a joint configuration is being left" };
  const change = nextChange(view, wanted);
  if (change !== undefined) return change;
  return nextLeader(view, wanted, around);
}

function nextChange(view: GroupView, wanted: readonly MemberId[]): Step | undefined {
  const { config } = view;
  const isMember = (member: MemberId): boolean =>
    config.voters.includes(member) || config.learners.includes(member);
  const missing = wanted.filter((member) => !isMember(member));
  const strayLearners = config.learners.filter((member) => !wanted.includes(member));
  if (missing.length > 0 || strayLearners.length > 0) {
    return changeOf([
      ...missing.map((member) => ({ kind: "add-learner" as const, member })),
      ...strayLearners.map((member) => ({ kind: "remove" as const, member })),
    ]);
  }
  const rising = wanted.filter((member) => config.learners.includes(member));
  const leaving = config.voters.filter((member) => !wanted.includes(member));
  if (rising.length === 0 && leaving.length === 0) return undefined;
  const lagging = rising.filter((member) => !isReady(view, member));
  if (lagging.length > 0) return { kind: "wait", why: `${lagging.join(", ")} catches up` };
  const staying = wanted.filter((member) => member === view.self || isReady(view, member));
  if (staying.length * 2 <= wanted.length) {
    return { kind: "wait", why: "a majority of the wanted members is not there" };
  }
  return changeOf([
    ...rising.map((member) => ({ kind: "add-voter" as const, member })),
    ...leaving.map((member) => ({ kind: "remove" as const, member })),
  ]);
}

function nextLeader(view: GroupView, wanted: readonly MemberId[], around: Surroundings): Step {
  const canLead = (member: MemberId): boolean =>
    member !== view.self && isReady(view, member) && !around.isResigned(member);
  const roomy = wanted.find((member) => canLead(member) && !around.isFull(member));
  if (around.isResigned(view.self)) {
    const heir = roomy ?? wanted.find(canLead);
    if (heir !== undefined) return { kind: "transfer", target: heir };
    return { kind: "wait", why: "nobody can take the lead" };
  }
  if (around.isFull(view.self)) {
    return roomy === undefined ? { kind: "settled" } : { kind: "transfer", target: roomy };
  }
  const [first] = wanted;
  const isOut = (member: MemberId): boolean => around.isResigned(member) || around.isFull(member);
  if (first === undefined || first === view.self || isOut(first)) return { kind: "settled" };
  if (canLead(first)) return { kind: "transfer", target: first };
  return { kind: "wait", why: `${first} shall lead and is not ready` };
}

function isReady(view: GroupView, member: MemberId): boolean {
  return view.members.find((other) => other.member === member)?.isCaughtUp === true;
}

function changeOf(changes: readonly MemberChange[]): Step {
  return { kind: "change", change: { transition: "auto", changes } };
}
