// Linearizable reads: the rules about when an index may be answered. Source: Raft dissertation 6.4;
// a leader answers nothing before it has committed an entry of its own term.
import type { GroupCore } from "./core.ts";
import type { RequestId } from "./effects.ts";
import type { MessageOf } from "./messages.ts";
import { quorumValue } from "./quorum.ts";
import { sendHeartbeats } from "./replicate.ts";

/** A read of this replica. */
export function askRead(
  core: GroupCore,
  request: { readonly id: RequestId; readonly mode: "quorum" | "lease" },
): void {
  const { id, mode } = request;
  const isLeader = core.role === "leader";
  if (!isLeader && core.lead === undefined) {
    core.abortReads([id]);
    return;
  }
  if (core.reads.count >= core.settings.readsMax) {
    core.readOutcomes.push({ kind: "refused", id, reason: "overloaded", leader: core.lead });
    return;
  }
  if (mode === "lease" && isLeader && core.committedInTerm && core.transferee === undefined) {
    const untilMs = core.lease.untilMs(core.nowMs);
    if (untilMs !== undefined) {
      core.reads.grant(id, core.log.committed, untilMs);
      return;
    }
  }
  core.reads.ask({ kind: "local", id });
}

/** End of a turn: one round, or one message to the leader, for all reads of the turn. */
export function flushReads(core: GroupCore): void {
  if (!core.reads.hasAsked) return;
  if (core.role === "leader") {
    // Before that the commit index may be behind what an earlier leader acknowledged.
    if (!core.committedInTerm) return;
    sendHeartbeats(core);
    core.reads.startRound(core.round, core.log.committed);
    confirmReads(core);
  } else if (core.lead !== undefined) {
    core.post(core.lead, { kind: "read", batch: core.reads.startBatch() });
  }
}

/** Leader: answers every read whose round a majority has answered; the leader answers its own. */
export function confirmReads(core: GroupCore): void {
  const round = quorumValue(core.config, (member) =>
    member === core.self ? core.round : (core.progress.get(member)?.round ?? 0),
  );
  core.lease.roundConfirmed(round);
  for (const { reader, index } of core.reads.confirm(round)) {
    if (reader.kind === "local") continue;
    core.post(reader.member, { kind: "read-reply", batch: reader.batch, index });
  }
}

/** A follower asks. Somebody who does not lead says nothing; the asker gives up by itself. */
export function handleRead(core: GroupCore, message: MessageOf<"read">): void {
  if (core.role !== "leader" || !core.progress.has(message.from)) return;
  core.reads.ask({ kind: "remote", member: message.from, batch: message.batch });
}

/** The leader's answer to a batch of reads. */
export function handleReadReply(core: GroupCore, message: MessageOf<"read-reply">): void {
  if (message.from === core.lead) core.reads.answer(message.batch, message.index);
}
