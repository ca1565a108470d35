// Every message of a peer enters here: first what its term means, then who handles it. Source: Raft
// paper figure 2, "Rules for Servers"; dissertation 4.2.3 and 9.6.
import { assertNever } from "#api/base/index.ts";

import type { GroupCore } from "./core.ts";
import { campaignAtOnce, handleVote, handleVoteReply, isInLease, learnCommit } from "./election.ts";
import { handleAppend, handleHeartbeat, handleSnapshot, heardLeader } from "./follower.ts";
import {
  handleAppendAck,
  handleAppendReject,
  handleHeartbeatAck,
  startTransfer,
} from "./leader.ts";
import type { Message } from "./messages.ts";
import { handlePropose, handleProposeReply } from "./proposals.ts";
import { handleQuiesce, wake } from "./quiesce.ts";
import { handleRead, handleReadReply } from "./reading.ts";

/** Takes one message. One that makes no sense here and now is dropped with a trace. */
export function receive(core: GroupCore, message: Message): void {
  if (message.to !== core.self || message.from === core.self) {
    ignore(core, message, "not addressed to this member");
    return;
  }
  if (!isHeardAsleep(core, message)) wake(core);
  if (message.kind === "vote-reply" || message.kind === "pre-vote-reply") {
    learnCommit(core, message);
  }
  if (message.term > core.term) {
    if (!takeNewerTerm(core, message)) return;
  } else if (message.term < core.term) {
    answerOlderTerm(core, message);
    return;
  } else if (isVoteRequest(message) && core.settings.leaseReads && keepsLease(core, message)) {
    ignore(core, message, "a leader was heard");
    return;
  }
  handle(core, message);
}

/** What a sleeping replica may hear without waking: the end of what was said before it slept. */
function isHeardAsleep(core: GroupCore, message: Message): boolean {
  if (message.kind === "quiesce") return true;
  if (message.term !== core.term || core.role !== "leader") return false;
  // Round 0 is the answer of a member that cannot sleep yet.
  return message.kind === "append-ack" || (message.kind === "heartbeat-ack" && message.round > 0);
}

function isVoteRequest(message: Message): boolean {
  return message.kind === "vote" || message.kind === "pre-vote";
}

function keepsLease(core: GroupCore, message: Message): boolean {
  const isForced = message.kind === "vote" && message.transfer;
  return !isForced && isInLease(core);
}

/** Adopts the term where the message says so; false if the message is not to be handled. */
function takeNewerTerm(core: GroupCore, message: Message): boolean {
  if (isVoteRequest(message) && keepsLease(core, message)) {
    ignore(core, message, "a leader was heard");
    return false;
  }
  switch (message.kind) {
    case "pre-vote":
      // It asks about a term that may never be.
      return true;
    case "pre-vote-reply":
      // Granted, it carries the term we asked about; refused, the term of who refuses.
      if (!message.granted) core.becomeFollower(message.term, undefined);
      return true;
    case "append":
    case "heartbeat":
    case "snapshot":
    case "quiesce":
      core.becomeFollower(message.term, message.from);
      return true;
    case "append-ack":
    case "append-reject":
    case "heartbeat-ack":
    case "vote":
    case "vote-reply":
    case "timeout-now":
    case "transfer":
    case "newer-term":
    case "propose":
    case "propose-reply":
    case "read":
    case "read-reply":
      core.becomeFollower(message.term, undefined);
      return true;
    default:
      return assertNever(message);
  }
}

/** What is left of an earlier term is dropped; but who still leads or asks there must learn. */
function answerOlderTerm(core: GroupCore, message: Message): void {
  const { from } = message;
  switch (message.kind) {
    case "append":
    case "heartbeat":
    case "quiesce":
      // Otherwise a member whose term is ahead could never come back: nobody adopts its term.
      core.post(from, { kind: "newer-term" });
      return;
    case "pre-vote":
      core.post(from, { kind: "pre-vote-reply", granted: false, ...core.knownCommit() });
      return;
    case "snapshot":
      core.discards.push(message.handle);
      return;
    default:
      ignore(core, message, "of an earlier term");
  }
}

function handle(core: GroupCore, message: Message): void {
  switch (message.kind) {
    case "append":
      if (isFromOtherLeader(core, message)) return;
      handleAppend(core, message);
      return;
    case "heartbeat":
      if (isFromOtherLeader(core, message)) return;
      handleHeartbeat(core, message);
      return;
    case "snapshot":
      if (isFromOtherLeader(core, message)) return;
      handleSnapshot(core, message);
      return;
    case "quiesce":
      if (isFromOtherLeader(core, message)) return;
      handleQuiesce(core, message);
      return;
    case "append-ack":
    case "append-reject":
    case "heartbeat-ack":
      if (core.role === "leader") handleAnswer(core, message);
      return;
    case "vote":
    case "pre-vote":
      handleVote(core, message);
      return;
    case "vote-reply":
    case "pre-vote-reply":
      handleVoteReply(core, message);
      return;
    case "timeout-now":
      if (core.role === "follower") campaignAtOnce(core);
      return;
    case "transfer":
      if (core.role === "leader") startTransfer(core, message.target);
      return;
    case "newer-term":
      return;
    case "propose":
      handlePropose(core, message);
      return;
    case "propose-reply":
      handleProposeReply(core, message);
      return;
    case "read":
      handleRead(core, message);
      return;
    case "read-reply":
      handleReadReply(core, message);
      return;
    default:
      assertNever(message);
  }
}

type Answer = Extract<Message, { readonly kind: "append-ack" | "append-reject" | "heartbeat-ack" }>;

function handleAnswer(core: GroupCore, message: Answer): void {
  switch (message.kind) {
    case "append-ack":
      handleAppendAck(core, message);
      return;
    case "append-reject":
      handleAppendReject(core, message);
      return;
    case "heartbeat-ack":
      handleHeartbeatAck(core, message);
      return;
    default:
      assertNever(message);
  }
}

/** A term has one leader. A second one is a broken member; its messages change nothing. */
function isFromOtherLeader(core: GroupCore, message: Message): boolean {
  if (core.role === "leader" || (core.lead !== undefined && core.lead !== message.from)) {
    ignore(core, message, "of a second leader in this term");
    return true;
  }
  heardLeader(core, message.from);
  return false;
}

function ignore(core: GroupCore, message: Message, reason: string): void {
  core.trace({ kind: "ignored", message: message.kind, from: message.from, reason });
}
