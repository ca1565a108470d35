// Sleeping groups. A leader that has had nothing to do for a while, and whose members hold and have
// committed everything, tells them and stops ticking; so do they. Anything that happens to a
// sleeping replica wakes it. That its leader has died it learns from its node, which watches peers
// for all groups at once ("peer-down").
import { commitTo } from "./commit.ts";
import type { GroupCore } from "./core.ts";
import { isJoint } from "./membership.ts";
import type { MessageOf } from "./messages.ts";
import type { MemberId } from "./types.ts";

/** A tick of a leader: goes to sleep if there has been nothing to do for long enough. */
export function maybeQuiesce(core: GroupCore): void {
  const { quiesceTicks } = core.settings;
  if (quiesceTicks === 0 || core.role !== "leader") return;
  core.idleTicks = isIdle(core) ? core.idleTicks + 1 : 0;
  if (core.idleTicks < quiesceTicks) return;
  for (const { member } of core.progress.values()) {
    if (member !== core.self) core.post(member, { kind: "quiesce", commit: core.log.committed });
  }
  fallAsleep(core);
}

function isIdle(core: GroupCore): boolean {
  const { log } = core;
  if (log.applied !== log.last || log.stable !== log.last || !core.committedInTerm) return false;
  if (!core.reads.isIdle || core.transferee !== undefined || isJoint(core.config)) return false;
  for (const progress of core.progress.values()) {
    if (progress.member === core.self || core.down.has(progress.member)) continue;
    if (progress.match !== log.last || progress.state !== "replicate") return false;
  }
  return true;
}

/** The leader sleeps. Whoever is not exactly as far wakes it by answering. */
export function handleQuiesce(core: GroupCore, message: MessageOf<"quiesce">): void {
  const { log } = core;
  const isSame =
    message.commit === log.last && log.stable === log.last && core.matchedTo >= log.last;
  if (!isSame || core.forwards.count > 0 || core.reads.count > 0) {
    core.post(message.from, { kind: "heartbeat-ack", round: 0, ...core.standing() });
    return;
  }
  commitTo(core, message.commit);
  fallAsleep(core);
}

function fallAsleep(core: GroupCore): void {
  core.quiesced = true;
  core.lease.void();
  core.trace({ kind: "quiesced" });
}

/** Ticks count again; a leader heartbeats at once and gives its members time to answer. */
export function wake(core: GroupCore): void {
  if (!core.quiesced) return;
  core.quiesced = false;
  core.idleTicks = 0;
  core.electionElapsed = 0;
  core.heartbeatElapsed = core.settings.heartbeatTicks;
  for (const progress of core.progress.values()) progress.isActive = true;
  core.trace({ kind: "woke" });
}

/** Nothing of this member reaches our node: if it leads, an election is due soon. */
export function notePeerDown(core: GroupCore, member: MemberId): void {
  core.down.add(member);
  if (core.role !== "follower" || core.lead !== member) return;
  wake(core);
  core.lead = undefined;
  core.abortRequests();
  // From here the random part of the timeout is all that is left, or less of it.
  core.electionElapsed = Math.max(core.electionElapsed, core.settings.electionTicks);
}

/** The member is back; a leader looks after it. */
export function notePeerUp(core: GroupCore, member: MemberId): void {
  if (core.down.delete(member) && core.role === "leader" && core.progress.has(member)) wake(core);
}
