// Elections: who campaigns when, who votes for whom, and what winning and losing mean. Source: Raft
// paper 5.2 and 5.4.1, dissertation 4.2.3 (disruptive members), 9.6 (PreVote), 3.10 (transfer).
import { commitTo } from "./commit.ts";
import type { GroupCore } from "./core.ts";
import { isVoter } from "./membership.ts";
import type { KnownCommit, MessageOf } from "./messages.ts";
import { voteResult } from "./quorum.ts";
import { appendEmpty } from "./replicate.ts";
import type { MemberId } from "./types.ts";

/** True if this replica may become leader. */
export function isPromotable(core: GroupCore): boolean {
  return isVoter(core.config, core.self) && !core.suspect && !core.log.isRestoring;
}

/** Starts an election if this replica may; a pre-vote comes first where that is set. */
export function campaign(core: GroupCore): void {
  if (core.role === "leader" || !isPromotable(core)) return;
  if (core.settings.preVote) startPreVote(core);
  else startVote(core, false);
}

/** The leader asked for it: no pre-vote, and voters forget that they have a leader. */
export function campaignAtOnce(core: GroupCore): void {
  if (core.role === "leader" || !isPromotable(core)) return;
  startVote(core, true);
}

function startPreVote(core: GroupCore): void {
  core.becomePreCandidate();
  for (const member of voters(core)) {
    if (member === core.self) continue;
    const body = { lastIndex: core.log.last, lastTerm: core.log.lastTerm };
    core.post(member, { kind: "pre-vote", ...body }, core.term + 1);
  }
  // It promises nothing, so our own answer need not be durable first.
  recordPreVote(core, core.self, true);
}

function startVote(core: GroupCore, transfer: boolean): void {
  core.becomeCandidate();
  for (const member of voters(core)) {
    if (member === core.self) continue;
    const body = { lastIndex: core.log.last, lastTerm: core.log.lastTerm, transfer };
    // A request promises nothing, but a term that others may adopt must not be forgotten.
    core.postAfterPersist(member, { kind: "vote", ...body });
  }
}

function voters(core: GroupCore): readonly MemberId[] {
  return [...new Set([...core.config.voters, ...core.config.outgoing])].sort();
}

/**
 * True if a leader was heard so recently that nobody may be voted for. With lease reads a replica
 * that has just started may have promised that before, so it waits as long; and what it heard last
 * counts whatever became of the leader since.
 */
export function isInLease(core: GroupCore): boolean {
  const { checkQuorum, leaseReads, electionTicks } = core.settings;
  if (!checkQuorum) return false;
  if (core.role === "leader") return true;
  if (leaseReads && core.sinceLeader < electionTicks) return true;
  return core.lead !== undefined && core.electionElapsed < electionTicks;
}

/** Answers a request for a vote; the message's term is at least ours and was adopted for a vote. */
export function handleVote(core: GroupCore, message: MessageOf<"vote" | "pre-vote">): void {
  const { from, term, lastIndex, lastTerm } = message;
  const isPre = message.kind === "pre-vote";
  const mayVote =
    core.vote === from ||
    (core.vote === undefined && core.lead === undefined) ||
    (isPre && term > core.term);
  const granted = mayVote && !core.suspect && core.log.isUpToDate(lastIndex, lastTerm);
  const kind = isPre ? "pre-vote-reply" : "vote-reply";
  // A granted pre-vote echoes the term asked for, or the sender would ignore it as an old one.
  const body = { kind, granted, ...core.knownCommit() } as const;
  if (!granted || isPre) {
    // Nothing is promised.
    core.post(from, body, granted ? term : core.term);
    return;
  }
  core.postAfterPersist(from, body, term);
  core.electionElapsed = 0;
  core.vote = from;
}

/** Commits what the sender knows to be committed, if that very entry is here. */
export function learnCommit(core: GroupCore, known: KnownCommit): void {
  if (core.suspect || core.log.isRestoring || known.commitTerm === 0) return;
  if (!core.log.matches(known.commitIndex, known.commitTerm)) return;
  commitTo(core, known.commitIndex);
  const isCandidate = core.role === "candidate" || core.role === "pre-candidate";
  if (isCandidate && !isPromotable(core)) core.becomeFollower(core.term, undefined);
}

/** Takes an answer to our own request. */
export function handleVoteReply(
  core: GroupCore,
  message: MessageOf<"vote-reply" | "pre-vote-reply">,
): void {
  if (message.kind === "vote-reply" && core.role === "candidate") {
    recordVote(core, message.from, message.granted);
  } else if (message.kind === "pre-vote-reply" && core.role === "pre-candidate") {
    recordPreVote(core, message.from, message.granted);
  }
}

function recordPreVote(core: GroupCore, member: MemberId, granted: boolean): void {
  if (!core.votes.has(member)) core.votes.set(member, granted);
  const result = voteResult(core.config, core.votes);
  if (result === "won") startVote(core, false);
  else if (result === "lost") core.becomeFollower(core.term, undefined);
}

/** Counts a vote; the first answer of a member stands. */
export function recordVote(core: GroupCore, member: MemberId, granted: boolean): void {
  if (!core.votes.has(member)) core.votes.set(member, granted);
  const result = voteResult(core.config, core.votes);
  if (result === "won") {
    core.becomeLeader();
    appendEmpty(core);
  } else if (result === "lost") {
    core.becomeFollower(core.term, undefined);
  }
}
