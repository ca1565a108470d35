// Changing the members of a group: from one configuration and a change to the next configuration,
// or to the reason why not. Only values; who may propose a change and when it takes effect is in
// proposals.ts and commit.ts. Source: Raft dissertation, section 4.3 (joint consensus).
import { assertNever } from "#api/base/index.ts";

import type { ConfigChange, MemberChange } from "./effects.ts";
import type { Configuration, MemberId } from "./types.ts";

/** The next configuration, or why there is none. */
export type ChangeResult =
  | { readonly kind: "changed"; readonly config: Configuration }
  | { readonly kind: "rejected"; readonly reason: string };

/** Everybody who has a part in it, sorted. */
export function membersOf(config: Configuration): readonly MemberId[] {
  const all = new Set([...config.voters, ...config.outgoing, ...config.learners]);
  return [...all].sort();
}

/** True while two majorities are needed. */
export function isJoint(config: Configuration): boolean {
  return config.outgoing.length > 0;
}

/** True if this member's vote counts. */
export function isVoter(config: Configuration, member: MemberId): boolean {
  return config.voters.includes(member) || config.outgoing.includes(member);
}

/** True if the change only leaves a joint configuration. */
export function isLeave(change: ConfigChange): boolean {
  return change.changes.length === 0;
}

/** Applies a change; the same on every member, for any configuration. */
export function changeConfiguration(config: Configuration, change: ConfigChange): ChangeResult {
  if (isLeave(change)) return leaveJoint(config);
  if (isJoint(config)) return rejected("a joint configuration must be left first");
  const next = applyChanges(config, change.changes);
  if (next.voters.length === 0) return rejected("no voter would be left");
  const changedVoters =
    next.voters.filter((member) => !config.voters.includes(member)).length +
    config.voters.filter((member) => !next.voters.includes(member)).length;
  const joint = change.transition !== "auto" || changedVoters > 1;
  if (!joint) return { kind: "changed", config: demoteNow(next) };
  if (config.voters.length === 0) return rejected("nobody could agree to a joint configuration");
  return { kind: "changed", config: enterJoint(config, next, change.transition) };
}

interface Draft {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

function applyChanges(config: Configuration, changes: readonly MemberChange[]): Draft {
  const voters = new Set(config.voters);
  const learners = new Set(config.learners);
  for (const change of changes) {
    voters.delete(change.member);
    learners.delete(change.member);
    switch (change.kind) {
      case "add-voter":
        voters.add(change.member);
        break;
      case "add-learner":
        learners.add(change.member);
        break;
      case "remove":
        break;
      default:
        assertNever(change);
    }
  }
  return { voters: [...voters].sort(), learners: [...learners].sort() };
}

function demoteNow(next: Draft): Configuration {
  return { ...next, outgoing: [], learnersNext: [], autoLeave: false };
}

/** Voters that become learners stay voters of the outgoing half until it is left. */
function enterJoint(
  config: Configuration,
  next: Draft,
  transition: ConfigChange["transition"],
): Configuration {
  const wasVoter = (member: MemberId): boolean => config.voters.includes(member);
  return {
    voters: next.voters,
    outgoing: config.voters,
    learners: next.learners.filter((member) => !wasVoter(member)),
    learnersNext: next.learners.filter(wasVoter),
    autoLeave: transition !== "joint-explicit",
  };
}

function leaveJoint(config: Configuration): ChangeResult {
  if (!isJoint(config)) return rejected("there is no joint configuration to leave");
  return {
    kind: "changed",
    config: {
      voters: config.voters,
      outgoing: [],
      learners: [...config.learners, ...config.learnersNext].sort(),
      learnersNext: [],
      autoLeave: false,
    },
  };
}

function rejected(reason: string): ChangeResult {
  return { kind: "rejected", reason };
}
