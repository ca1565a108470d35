// Bugs of Raft and of exactly-once sessions.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const FOLDER = "workloads/core/raft";
const ELECTION = `${FOLDER}/election.ts`;
const FOLLOWER = `${FOLDER}/follower.ts`;
const LOG = `${FOLDER}/log.ts`;
const READING = `${FOLDER}/reading.ts`;
const SESSIONS = `${FOLDER}/sessions.ts`;
const inPaper = testsOf(`${FOLDER}/paper.test.ts`);
const inGroup = testsOf(`${FOLDER}/group.test.ts`);
const inLog = testsOf(`${FOLDER}/log.test.ts`);
const inQuorum = testsOf(`${FOLDER}/quorum.test.ts`);
const inSessions = testsOf(`${FOLDER}/sessions.test.ts`);
const inLazy = testsOf(`${FOLDER}/lazy-commit.test.ts`);
const inSuspect = testsOf(`${FOLDER}/suspect.test.ts`);
const inCluster = testsOf(`${FOLDER}/cluster.test.ts`);
const DURABLE = inPaper(
  "durability (figure 2, 5.1) term, vote and log are durable before anything is answered",
);
const ONE_VOTE = inPaper(
  "elections (5.2) a server votes for one candidate per term, first come first served",
);
const SEEDS = inCluster("a cluster under faults keeps its promises and recovers, for every seed");
const READ = inPaper(
  "clients (8) a read waits for the leader's own term and for a majority's answers",
);

/** Everything in workloads/core/raft. */
export const RAFT_MUTANTS: readonly Mutant[] = [
  {
    id: "acknowledges-before-the-disk",
    breaks: "entries that a majority acknowledged are gone after a power cut",
    file: FOLLOWER,
    find: '  core.postAfterPersist(leader, { kind: "append-ack"',
    replace: '  core.post(leader, { kind: "append-ack"',
    killers: [DURABLE, SEEDS],
  },
  {
    id: "votes-before-the-disk",
    breaks: "a member that restarts votes again in the same term",
    file: ELECTION,
    find: "  core.postAfterPersist(from, body, term);",
    replace: "  core.post(from, body, term);",
    killers: [DURABLE, SEEDS],
  },
  {
    id: "vote-forgotten",
    breaks: "a member votes for two candidates of one term",
    file: ELECTION,
    find: "  core.vote = from;\n",
    replace: "",
    killers: [ONE_VOTE, SEEDS],
  },
  {
    id: "two-votes-in-one-term",
    breaks: "whoever asks gets a vote",
    file: ELECTION,
    find: "    core.vote === from ||\n",
    replace: "    from.length > 0 ||\n",
    killers: [ONE_VOTE, SEEDS],
  },
  {
    id: "votes-while-suspect",
    breaks: "a member that lost acknowledged entries elects a leader without them",
    file: ELECTION,
    find: "mayVote && !core.suspect && core.log",
    replace: "mayVote && core.log",
    killers: [inGroup("a member that lost part of its log neither campaigns nor votes"), SEEDS],
  },
  {
    id: "votes-for-a-shorter-log",
    breaks: "a leader is elected without what is committed",
    file: ELECTION,
    find: " && core.log.isUpToDate(lastIndex, lastTerm);",
    replace: ";",
    killers: [inPaper("safety (5.4) election restriction (5.4.1): an older last term")],
  },
  {
    id: "commits-an-older-term-by-counting",
    breaks: "a committed entry is replaced by the next leader",
    file: `${FOLDER}/commit.ts`,
    find: " || core.log.term(index) !== core.term) break;",
    replace: ") break;",
    killers: [
      inPaper(
        "safety (5.4) figure 8: an entry of an older term on a majority is not committed by counting",
      ),
    ],
  },
  {
    id: "appends-without-looking-back",
    breaks: "logs differ below an equal entry",
    file: LOG,
    find: "    if (!this.matches(prev.index, prev.term)) return undefined;\n",
    replace: "",
    killers: [SEEDS],
  },
  {
    id: "same-index-is-same-entry",
    breaks: "what another leader wrote stays in the log",
    file: LOG,
    find: "(entry) => !this.matches(entry.index, entry.term)",
    replace: "(entry) => this.term(entry.index) === undefined",
    killers: [SEEDS],
  },
  {
    id: "commits-what-was-not-compared",
    breaks: "a follower applies entries that the leader does not have",
    file: FOLLOWER,
    find: "Math.min(message.commit, appended.last)",
    replace: "Math.min(message.commit, core.log.last)",
    killers: [
      inPaper(
        "log replication (5.3) a follower never commits what it holds beyond what was compared",
      ),
    ],
  },
  {
    id: "lease-twice-as-long",
    breaks: "a leader answers from its lease while another one already leads",
    file: `${FOLDER}/lease.ts`,
    find: "each.atMs + this.lengthMs",
    replace: "each.atMs + 2 * this.lengthMs",
    killers: [
      inGroup(
        "lease reads count from the sending of a heartbeat that a majority answered, less the drift",
      ),
    ],
  },
  {
    id: "lost-log-still-counts",
    breaks: "what a member acknowledged before it lost its log is taken for durable",
    file: `${FOLDER}/leader.ts`,
    find: "  if (standing.logEpoch > progress.logEpoch) {",
    replace: "  if (standing.logEpoch < progress.logEpoch) {",
    killers: [
      inGroup("a member that lost part of its log is not counted by what it acknowledged before"),
    ],
  },
  {
    id: "heals-at-once",
    breaks: "a member that lost part of its log votes before it holds it again",
    file: FOLLOWER,
    find: "  if (Math.min(core.matchedTo, core.log.stable) < core.refetch.target) return;\n",
    replace: "",
    killers: [
      inGroup(
        "a member that lost part of its log heals when it holds what the leader had, and only for its own epoch",
      ),
    ],
  },
  {
    id: "reads-without-a-round",
    breaks: "a leader that was replaced answers reads",
    file: READING,
    find: "    sendHeartbeats(core);\n",
    replace: "",
    killers: [READ, SEEDS],
  },
  {
    id: "reads-before-its-own-term",
    breaks: "a new leader answers with less than its predecessor acknowledged",
    file: READING,
    find: "    if (!core.committedInTerm) return;\n",
    replace: "",
    killers: [READ, SEEDS],
  },
  {
    id: "joint-by-one-half",
    breaks: "old and new members decide without each other",
    file: `${FOLDER}/quorum.ts`,
    find: "  if (config.outgoing.length === 0) return incoming;",
    replace: "  if (config.outgoing.length >= 0) return incoming;",
    killers: [inQuorum("a majority has reached what counting says, in both halves")],
  },
  {
    id: "half-is-a-majority",
    breaks: "two halves of four members each commit",
    file: `${FOLDER}/quorum.ts`,
    find: "  return values[count - (Math.floor(count / 2) + 1)] ?? 0;",
    replace: "  return values[Math.floor(count / 2)] ?? 0;",
    killers: [inQuorum("a majority has reached what counting says, in both halves")],
  },
  {
    id: "truncates-what-is-committed",
    breaks: "a committed entry is replaced without a word",
    file: LOG,
    find: "    assert(from > this.committed, `entry ${from} conflicts with one that is committed`);\n",
    replace: "",
    killers: [inLog("the log refuses to replace what is committed")],
  },
  {
    id: "snapshot-behind-the-commit",
    breaks: "an old snapshot takes committed entries away",
    file: FOLLOWER,
    find: "base.index <= log.committed || log.matches(base.index, base.term)",
    replace: "base.index < 0",
    killers: [inPaper("snapshots (7) a snapshot behind the commit index is ignored"), SEEDS],
  },
  {
    id: "inflight-without-bound",
    breaks: "a slow member fills the leader's memory",
    file: `${FOLDER}/progress.ts`,
    find: "return this.lasts.length >= this.messagesMax || this.bytes >= this.bytesMax;",
    replace: "return false;",
    killers: [inGroup("flow control bounds appends on their way in number and in bytes")],
  },
  {
    id: "expired-session-runs",
    breaks: "a request of a forgotten session may run twice",
    file: SESSIONS,
    find: '    if (session === undefined) return { kind: "expired" };',
    replace: '    if (session === undefined) return { kind: "executed", result: execute() };',
    killers: [inSessions("a session expires by the time in entries, and then nothing is applied")],
  },
  {
    id: "repetition-runs-again",
    breaks: "a request that comes twice runs twice",
    file: SESSIONS,
    find: '    if (known !== undefined) return { kind: "repeated", result: known };\n',
    replace: "",
    killers: [inSessions("a session runs each request once and answers repetitions from memory")],
  },
  {
    id: "settled-runs-again",
    breaks: "a request whose answer was confirmed runs again when the network repeats it",
    file: SESSIONS,
    find: '    if (sequence < session.settledBelow) return { kind: "settled" };\n',
    replace: "",
    killers: [inSessions("a session forgets what the client has the answer of, and says so")],
  },
  {
    id: "late-snapshot-over-a-newer-log",
    breaks: "what a suspect replica acknowledged since its loss is gone, and counted all the same",
    file: FOLLOWER,
    find: "if (base.index <= log.committed || log.matches(base.index, base.term)) {",
    replace:
      "if (base.index <= log.committed || (!core.suspect && log.matches(base.index, base.term))) {",
    killers: [
      inSuspect(
        "a suspect replica that meets a snapshot keeps what it has acknowledged beyond it, and learns what is committed",
      ),
    ],
  },
  {
    id: "commit-told-with-the-next-entries-only",
    breaks: "followers of a lazy leader do not learn of the last write",
    file: `${FOLDER}/group.ts`,
    find: "      core.tellsCommit = true;\n      maybeQuiesce(core);",
    replace: "      maybeQuiesce(core);",
    killers: [inLazy("a lazy leader tells on the next tick if there are none, once")],
  },
];
