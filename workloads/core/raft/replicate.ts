// Sending the log: what the leader has for each member, as appends that follow each other, as
// single probes, or as a request for a snapshot. Runs once per turn for all members, so that all
// that was proposed in a turn goes in one message.
import type { GroupCore } from "./core.ts";
import { encodeConfigChange } from "./entry-data.ts";
import { isJoint, isVoter } from "./membership.ts";
import type { Refetch } from "./messages.ts";
import type { Progress } from "./progress.ts";
import type { Entry, EntryKind, LogIndex, MemberId } from "./types.ts";
import { entriesBytes } from "./types.ts";

const NO_DATA = new Uint8Array(0);

/** Appends an entry of the leader's own term; the caller has checked that it may. Its index. */
export function appendOwn(core: GroupCore, kind: EntryKind, data: Uint8Array): LogIndex {
  const entry: Entry = { index: core.log.last + 1, term: core.term, kind, data };
  core.log.append([entry]);
  core.noteAppended([entry]);
  core.uncommittedBytes += data.byteLength;
  core.idleTicks = 0;
  return entry.index;
}

/** Appends the entry that opens a term. */
export function appendEmpty(core: GroupCore): void {
  appendOwn(core, "empty", NO_DATA);
}

/**
 * Leaves a joint configuration that is to be left automatically, once nothing else is pending.
 * Called again whenever something that was in the way may be gone.
 */
export function maybeAutoLeave(core: GroupCore): void {
  if (core.role !== "leader" || !isJoint(core.config) || !core.config.autoLeave) return;
  if (core.transferee !== undefined || core.log.committed < core.pendingChangeIndex) return;
  if (!core.committedInTerm) return;
  core.pendingChangeIndex = appendOwn(
    core,
    "config",
    encodeConfigChange({ transition: "auto", changes: [] }),
  );
}

/** Sends every member what it is due. */
export function flushAll(core: GroupCore): void {
  for (const progress of core.progress.values()) flush(core, progress);
  core.tellsCommit = !core.settings.lazyCommit;
}

/** Sends one member all that may be sent now. */
export function flush(core: GroupCore, progress: Progress): void {
  if (progress.member === core.self) return;
  while (!progress.isPaused && sendAppend(core, progress));
}

/** One append, or a request for a snapshot; false if there is nothing more to send. */
function sendAppend(core: GroupCore, progress: Progress): boolean {
  const { log, settings } = core;
  const prevIndex = progress.next - 1;
  const prevTerm = log.term(prevIndex);
  const isFull = progress.state === "replicate" && progress.inflights.full;
  const entries = isFull ? [] : log.entries(progress.next, settings.appendBytesMax);
  if (prevTerm === undefined || entries === undefined) {
    // What is not gone but cannot be read is damaged.
    if (prevIndex >= log.first) core.halted = "damaged";
    else requestSnapshot(core, progress);
    return false;
  }
  const isDue = progress.mustSend || (core.tellsCommit && progress.wantsCommit(log.committed));
  if (entries.length === 0 && !isDue) return false;
  core.post(progress.member, {
    kind: "append",
    prevIndex,
    prevTerm,
    entries,
    commit: log.committed,
    refetch: refetchOf(progress),
  });
  progress.mustSend = false;
  progress.sentCommit = log.committed;
  progress.sent(prevIndex + entries.length, entriesBytes(entries));
  return entries.length > 0;
}

/** Only for a member that answers: a snapshot is dear. */
function requestSnapshot(core: GroupCore, progress: Progress): void {
  if (!progress.isActive) return;
  progress.becomeSnapshot();
  progress.mustSend = false;
  core.snapshotRequests.push({
    to: progress.member,
    term: core.term,
    minIndex: core.log.first - 1,
  });
}

/** A new round of heartbeats to everybody. */
export function sendHeartbeats(core: GroupCore): void {
  core.round += 1;
  core.lease.roundSent(core.round, core.nowMs);
  for (const progress of core.progress.values()) {
    if (progress.member === core.self) continue;
    core.post(progress.member, {
      kind: "heartbeat",
      commit: Math.min(progress.match, core.log.committed),
      round: core.round,
      refetch: refetchOf(progress),
    });
    progress.sentCommit = Math.max(
      progress.sentCommit,
      Math.min(progress.match, core.log.committed),
    );
  }
}

/**
 * Asks a member to campaign at once, after telling it what is committed. No lease can be relied on
 * from here to the term's end.
 */
export function sendTimeoutNow(core: GroupCore, to: MemberId): void {
  core.lease.refuse();
  core.tellsCommit = true;
  const progress = core.progress.get(to);
  if (progress !== undefined) flush(core, progress);
  core.post(to, { kind: "timeout-now" });
}

/** The voter whose log is nearest to the leader's, the leader itself excluded. */
export function bestSuccessor(core: GroupCore): MemberId | undefined {
  let best: Progress | undefined;
  for (const progress of core.progress.values()) {
    if (progress.member === core.self || !isVoter(core.config, progress.member)) continue;
    if (best === undefined || progress.match > best.match) best = progress;
  }
  return best?.member;
}

function refetchOf(progress: Progress): Refetch | undefined {
  if (progress.logEpoch === 0) return undefined;
  return { epoch: progress.logEpoch, target: progress.refetchTarget };
}
