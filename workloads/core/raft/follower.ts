// What a replica does with the messages of its leader: append, heartbeat, snapshot. Source: Raft
// paper 5.3, 7; the hint of a rejection as in etcd-io/raft.
import { commitTo } from "./commit.ts";
import type { GroupCore } from "./core.ts";
import { membersOf } from "./membership.ts";
import type { MessageOf, Refetch } from "./messages.ts";
import type { LogIndex, MemberId } from "./types.ts";

/** A message of this term's leader: whoever we were, we are its follower. */
export function heardLeader(core: GroupCore, leader: MemberId): void {
  if (core.role !== "follower") core.becomeFollower(core.term, leader);
  core.lead = leader;
  core.electionElapsed = 0;
  core.sinceLeader = 0;
}

/** Takes entries, or says where the logs may meet. */
export function handleAppend(core: GroupCore, message: MessageOf<"append">): void {
  const { log } = core;
  const { from, prevIndex, prevTerm, entries } = message;
  takeRefetch(core, message.refetch);
  if (prevIndex < log.committed) {
    // Stale or repeated. What is committed here is in the leader's log, so it may count on it.
    acknowledge(core, from, log.committed);
    return;
  }
  const appended = log.tryAppend({ index: prevIndex, term: prevTerm }, entries);
  if (appended === undefined) {
    const hint = log.findMatch(Math.min(prevIndex, log.last), prevTerm);
    const hints = { hintIndex: hint.index, hintTerm: hint.term };
    // It promises nothing, so it need not wait for the disk.
    core.post(from, { kind: "append-reject", prevIndex, ...hints, ...core.standing() });
    return;
  }
  core.noteAppended(appended.added);
  commitTo(core, Math.min(message.commit, appended.last));
  acknowledge(core, from, appended.last);
}

function acknowledge(core: GroupCore, leader: MemberId, index: LogIndex): void {
  core.matchedTo = Math.max(core.matchedTo, index);
  core.postAfterPersist(leader, { kind: "append-ack", index, ...core.standing() });
  healIfWhole(core);
}

/** Learns the commit index as far as the leader may tell it, and answers. */
export function handleHeartbeat(core: GroupCore, message: MessageOf<"heartbeat">): void {
  takeRefetch(core, message.refetch);
  // The leader speaks of what we acknowledged; after a loss that may no longer be there.
  if (!core.suspect) commitTo(core, message.commit);
  const { round } = message;
  core.post(message.from, { kind: "heartbeat-ack", round, ...core.standing() });
}

/** A snapshot whose bytes are here: replaces the log, unless the log has got there by itself. */
export function handleSnapshot(core: GroupCore, message: MessageOf<"snapshot">): void {
  const { log } = core;
  const { from, base, handle } = message;
  if (base.level > core.settings.supports || !membersOf(base.config).includes(core.self)) {
    const reason = "snapshot of a higher level or without this member";
    core.trace({ kind: "ignored", message: message.kind, from, reason });
    core.discards.push(handle);
    return;
  }
  // Even after a loss: what is there has been acknowledged since, and counts at the leader.
  if (base.index <= log.committed || log.matches(base.index, base.term)) {
    commitTo(core, base.index);
    core.discards.push(handle);
    acknowledge(core, from, log.committed);
    return;
  }
  log.restore({ base, handle });
  core.history = [{ index: base.index, config: base.config, level: base.level }];
  core.pendingSpecial = [];
  core.level = base.level;
  core.config = base.config;
  core.trace({ kind: "config", index: base.index, config: base.config });
  acknowledge(core, from, base.index);
}

function takeRefetch(core: GroupCore, refetch: Refetch | undefined): void {
  if (core.suspect && refetch?.epoch === core.logEpoch) core.refetch = refetch;
}

/**
 * A replica that lost entries votes again once it durably holds everything that the leader had when
 * it learned of the loss: all that this replica can ever have acknowledged is among it.
 */
export function healIfWhole(core: GroupCore): void {
  if (!core.suspect || core.refetch === undefined) return;
  if (Math.min(core.matchedTo, core.log.stable) < core.refetch.target) return;
  core.suspect = false;
  // Should a vote of this term be among what was lost, no other than its leader can profit.
  core.vote ??= core.lead;
  core.trace({ kind: "suspect", suspect: false, epoch: core.logEpoch });
}
