// Majorities, of one set of voters or of two at once. A set without voters agrees with everything,
// which makes a configuration that is not joint a joint one with an empty half.
import type { Configuration, MemberId } from "./types.ts";

/** The outcome of a vote so far. */
export type VoteResult = "won" | "lost" | "pending";

/**
 * The highest value that a majority (of both halves, if joint) has reached. `reached` answers 0 for
 * a member that is not known. Infinity if nobody has a vote.
 */
export function quorumValue(config: Configuration, reached: (member: MemberId) => number): number {
  const incoming = majorityValue(config.voters, reached);
  if (config.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(config.outgoing, reached));
}

/** The result if each member's answer is true, false or not there yet. */
export function voteResult(
  config: Configuration,
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const incoming = majorityVote(config.voters, votes);
  const outgoing = majorityVote(config.outgoing, votes);
  if (incoming === outgoing) return incoming;
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return "pending";
}

/** True if these members are a majority (of both halves, if joint). */
export function isQuorum(config: Configuration, isIn: (member: MemberId) => boolean): boolean {
  return quorumValue(config, (member) => (isIn(member) ? 1 : 0)) >= 1;
}

function majorityValue(voters: readonly MemberId[], reached: (member: MemberId) => number): number {
  const count = voters.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  const values: number[] = [];
  for (const voter of voters) {
    // Insertion keeps the few values sorted without the cost of a comparator.
    const value = reached(voter);
    let at = values.length;
    while (at > 0 && (values[at - 1] ?? 0) > value) at -= 1;
    values.splice(at, 0, value);
  }
  return values[count - (Math.floor(count / 2) + 1)] ?? 0;
}

function majorityVote(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  if (voters.length === 0) return "won";
  let yes = 0;
  let no = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) yes += 1;
    if (vote === false) no += 1;
  }
  const needed = Math.floor(voters.length / 2) + 1;
  if (yes >= needed) return "won";
  return voters.length - no < needed ? "lost" : "pending";
}
