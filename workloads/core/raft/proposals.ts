// From a wish to an entry: what a leader refuses and why, and how a follower's proposals reach it.
import { changeConfiguration } from "./membership.ts";
import type { GroupCore } from "./core.ts";
import type { ConfigChange, RequestId } from "./effects.ts";
import { decodeConfigChange, encodeConfigChange, isEntryData } from "./entry-data.ts";
import type { ForwardedProposal, ForwardOutcome, MessageOf, RefusalReason } from "./messages.ts";
import { appendOwn } from "./replicate.ts";
import type { EntryKind, LogIndex, MemberId } from "./types.ts";
import { ENTRY_KIND_LEVELS } from "./types.ts";

/** A proposal of this replica's driver. */
export function propose(core: GroupCore, proposal: ForwardedProposal): void {
  if (core.role === "leader") {
    const result = append(core, proposal);
    if (typeof result === "string") core.refuse(proposal.id, result);
    else appended(core, proposal.id, result);
    return;
  }
  if (core.lead === undefined || !core.settings.forwardProposals) {
    core.refuse(proposal.id, "not-leader");
  } else if (proposal.data.byteLength > core.settings.entryBytesMax) {
    core.refuse(proposal.id, "too-large");
  } else if (core.forwards.count >= core.settings.forwardsMax) {
    core.refuse(proposal.id, "overloaded");
  } else {
    core.forwards.add(proposal);
  }
}

/** A change of members as a proposal. */
export function proposeChange(core: GroupCore, id: RequestId, change: ConfigChange): void {
  propose(core, { id, kind: "config", data: encodeConfigChange(change) });
}

function appended(core: GroupCore, id: RequestId, index: LogIndex, term = core.term): void {
  core.proposalOutcomes.push({ kind: "appended", id, index, term });
}

/** The index of the new entry, or why there is none. */
function append(core: GroupCore, proposal: ForwardedProposal): LogIndex | RefusalReason {
  const { kind, data } = proposal;
  if (!core.progress.has(core.self)) return "not-leader";
  if (core.transferee !== undefined) return "transferring";
  if (data.byteLength > core.settings.entryBytesMax) return "too-large";
  if (ENTRY_KIND_LEVELS[kind] > core.level) return "level";
  const wouldBe = core.uncommittedBytes + data.byteLength;
  const isOver = core.uncommittedBytes > 0 && wouldBe > core.settings.uncommittedBytesMax;
  if (isOver && data.byteLength > 0) return "overloaded";
  if (kind !== "config") return appendOwn(core, kind, data);
  const refusal = checkChange(core, data);
  if (refusal !== undefined) return refusal;
  core.pendingChangeIndex = appendOwn(core, kind, data);
  return core.pendingChangeIndex;
}

/**
 * Only one change at a time, only after an entry of the own term is committed (or two leaders could
 * each complete a change that the other does not know), and only one that leads somewhere.
 */
function checkChange(core: GroupCore, data: Uint8Array): RefusalReason | undefined {
  const change = decodeConfigChange(data);
  if (change === undefined) return "change-invalid";
  if (core.pendingChangeIndex > core.log.committed || !core.committedInTerm) {
    return "change-pending";
  }
  const result = changeConfiguration(core.config, change);
  if (result.kind === "rejected") return "change-invalid";
  // A suspect voter heals with the help of a leader, and a leader may need its vote.
  const isSuspect = (member: MemberId): boolean => core.progress.get(member)?.isSuspect === true;
  return result.config.voters.some(isSuspect) ? "change-pending" : undefined;
}

/** End of a turn: a follower's proposals go to the leader. */
export function flushForwards(core: GroupCore): void {
  if (!core.forwards.hasUnsent || core.lead === undefined || core.role === "leader") return;
  const settledBelow = core.forwards.settledBelow();
  for (const proposals of core.forwards.take(core.settings.appendBytesMax)) {
    core.post(core.lead, { kind: "propose", run: core.run, proposals, settledBelow });
  }
}

/** Leader: proposals of a follower. What was seen before is not looked at again. */
export function handlePropose(core: GroupCore, message: MessageOf<"propose">): void {
  const progress = core.progress.get(message.from);
  if (core.role !== "leader" || progress === undefined) {
    const refused = message.proposals.map(({ id }) => refusedForward(id, "not-leader"));
    core.post(message.from, { kind: "propose-reply", outcomes: refused });
    return;
  }
  const seen = progress.seenIn(message.run, message.settledBelow);
  const outcomes: ForwardOutcome[] = [];
  for (const proposal of message.proposals) {
    if (proposal.id < progress.settledBelow || seen.has(proposal.id)) continue;
    seen.add(proposal.id);
    if (!isEntryData(proposal.kind, proposal.data) || !isForwardable(proposal.kind)) {
      outcomes.push(refusedForward(proposal.id, "change-invalid"));
      continue;
    }
    const result = append(core, proposal);
    if (typeof result === "string") outcomes.push(refusedForward(proposal.id, result));
    else outcomes.push({ id: proposal.id, index: result, refused: undefined });
  }
  if (outcomes.length > 0) core.post(message.from, { kind: "propose-reply", outcomes });
}

/** Only what drivers propose; the rest a leader writes by itself. */
function isForwardable(kind: EntryKind): boolean {
  return kind === "command" || kind === "config";
}

function refusedForward(id: number, refused: RefusalReason): ForwardOutcome {
  return { id, index: 0, refused };
}

/** The leader's answer: every proposal in it has its outcome. */
export function handleProposeReply(core: GroupCore, message: MessageOf<"propose-reply">): void {
  for (const { id, index, refused } of message.outcomes) {
    if (!core.forwards.settle(id)) continue;
    if (refused === undefined) appended(core, id, index, message.term);
    else core.refuse(id, refused);
  }
}
