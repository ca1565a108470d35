// What a leader does with the answers of its members, and with requests to hand over leadership.
// Source: Raft paper 5.3, dissertation 3.10; probing by term hints as in etcd-io/raft.
import { maybeCommit } from "./commit.ts";
import type { GroupCore } from "./core.ts";
import { encodeLevel } from "./entry-data.ts";
import { isJoint, isVoter } from "./membership.ts";
import type { MessageOf, Standing } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { isQuorum } from "./quorum.ts";
import { confirmReads } from "./reading.ts";
import { appendOwn, maybeAutoLeave, sendHeartbeats, sendTimeoutNow } from "./replicate.ts";
import type { LogIndex, MemberId } from "./types.ts";

/** Ticks of a leader: heartbeats, and every election timeout the check that it is still one. */
export function tickLeader(core: GroupCore, isBeat: boolean | undefined): void {
  core.heartbeatElapsed += 1;
  core.electionElapsed += 1;
  if (core.electionElapsed >= core.settings.electionTicks) {
    core.electionElapsed = 0;
    checkQuorum(core);
    if (core.role === "leader" && core.transferee !== undefined) {
      // It did not take over in time; we go on leading.
      core.transferee = undefined;
      maybeAutoLeave(core);
    }
  }
  if (core.role !== "leader" || !isHeartbeatDue(core, isBeat)) return;
  core.heartbeatElapsed = 0;
  maybeRaiseLevel(core);
  sendHeartbeats(core);
}

/** On a common beat, or alone when it is overdue, as it is after waking. */
function isHeartbeatDue(core: GroupCore, isBeat: boolean | undefined): boolean {
  const { heartbeatTicks } = core.settings;
  if (isBeat === undefined) return core.heartbeatElapsed >= heartbeatTicks;
  return isBeat || core.heartbeatElapsed > heartbeatTicks;
}

function checkQuorum(core: GroupCore): void {
  const isActive = (member: MemberId): boolean =>
    member === core.self || (core.progress.get(member)?.isActive ?? false);
  if (core.settings.checkQuorum && !isQuorum(core.config, isActive)) {
    core.becomeFollower(core.term, undefined);
    core.trace({ kind: "stepped-down", reason: "no-quorum" });
    return;
  }
  for (const progress of core.progress.values()) progress.isActive = false;
}

/** Once every member knows a higher feature level, it is logged. */
function maybeRaiseLevel(core: GroupCore): void {
  if (core.settings.supports <= core.level || isJoint(core.config)) return;
  if (!core.committedInTerm || core.transferee !== undefined) return;
  if (core.pendingSpecial.some((entry) => entry.kind === "level")) return;
  let lowest = core.settings.supports;
  for (const { member, supports } of core.progress.values()) {
    if (member !== core.self) lowest = Math.min(lowest, supports);
  }
  if (lowest > core.level) appendOwn(core, "level", encodeLevel(lowest));
}

/** What a member says of itself; false if it speaks of a log that it has lost since. */
function takeStanding(core: GroupCore, progress: Progress, standing: Standing): boolean {
  if (standing.logEpoch < progress.logEpoch) return false;
  progress.isActive = true;
  progress.supports = standing.supports;
  progress.isSuspect = standing.suspect;
  if (standing.logEpoch > progress.logEpoch) {
    progress.restartFrom(standing.logEpoch, core.log.last);
  }
  return true;
}

/** A member holds more than we knew: commit what a majority holds, send it what it lacks. */
export function handleAppendAck(core: GroupCore, message: MessageOf<"append-ack">): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined || !takeStanding(core, progress, message)) return;
  const { index } = message;
  // Beyond the end: it speaks of a log that is not ours, which only a broken member can.
  if (index > core.log.last) return;
  const isNews = progress.acknowledge(index);
  if (!isNews && !(progress.match === index && progress.state === "probe")) return;
  if (progress.state === "replicate") {
    progress.inflights.free(index);
  } else if (progress.state === "probe" || progress.match + 1 >= core.log.first) {
    progress.becomeReplicate();
    // What told it the commit index may have met a log that could not take it.
    progress.mustSend = true;
  }
  maybeCommit(core);
  if (core.role === "leader") finishTransfer(core, progress);
}

function finishTransfer(core: GroupCore, progress: Progress): void {
  if (progress.member === core.transferee && progress.match === core.log.last) {
    sendTimeoutNow(core, progress.member);
  }
}

/** A member's log does not meet ours there: try again further back. */
export function handleAppendReject(core: GroupCore, message: MessageOf<"append-reject">): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined || !takeStanding(core, progress, message)) return;
  const { prevIndex, hintIndex, hintTerm } = message;
  // Our terms above the hint's cannot be in the member's log, so they need not be tried.
  const hint: LogIndex =
    hintTerm > 0
      ? core.log.findMatch(Math.min(hintIndex, core.log.last), hintTerm).index
      : hintIndex;
  if (progress.reject(prevIndex, hint)) progress.mustSend = true;
}

/** A member answers: it gets what it lacks, and reads of the round may be granted. */
export function handleHeartbeatAck(core: GroupCore, message: MessageOf<"heartbeat-ack">): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined || !takeStanding(core, progress, message)) return;
  if (progress.state !== "snapshot") {
    progress.isPaused = false;
    if (progress.match < core.log.last || progress.state === "probe") progress.mustSend = true;
  }
  if (message.round <= progress.round || message.round > core.round) return;
  progress.round = message.round;
  confirmReads(core);
}

/** The driver tells what became of a snapshot. Wait for an answer before sending more. */
export function handleSnapshotSent(
  core: GroupCore,
  report: { readonly to: MemberId; readonly index: LogIndex; readonly delivered: boolean },
): void {
  const progress = core.progress.get(report.to);
  if (progress === undefined || progress.state !== "snapshot") return;
  progress.pendingSnapshot = report.delivered ? report.index : 0;
  progress.becomeProbe();
  progress.isPaused = true;
}

/** Appends on their way to the member are probably lost: ask first, when it answers again. */
export function handleUnreachable(core: GroupCore, member: MemberId): void {
  const progress = core.progress.get(member);
  if (progress === undefined || progress.state !== "replicate") return;
  progress.becomeProbe();
  progress.isPaused = true;
}

/** Hands leadership over as soon as the target's log is complete; proposals are refused so long. */
export function startTransfer(core: GroupCore, target: MemberId): void {
  const progress = core.progress.get(target);
  if (progress === undefined || target === core.self || !isVoter(core.config, target)) return;
  if (core.transferee === target) return;
  core.transferee = target;
  core.electionElapsed = 0;
  if (progress.match === core.log.last) sendTimeoutNow(core, target);
  else progress.mustSend = true;
}

/** The leader's own entries up to here are durable: it counts as one of its members. */
export function noteOwnStable(core: GroupCore): void {
  const own = core.progress.get(core.self);
  if (own === undefined || core.log.stable <= own.match) return;
  own.match = core.log.stable;
  own.next = own.match + 1;
  maybeCommit(core);
}
