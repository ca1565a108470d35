// Bugs of what stands around the cores: the driver of Raft groups, its commit, its snapshots, the
// state machine of a partition. Seeds of whole groups see them.
import type { Killer, Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const RAFT = "workloads/odgm/raft";
const SHARDS = "workloads/odgm/shards";
const COMMITTER = "workloads/odgm/committer.ts";
const HOST = `${RAFT}/host.ts`;
const LOG = `${RAFT}/log.ts`;
const inLog = testsOf(`${RAFT}/log.test.ts`);
const inSteering = testsOf(`${RAFT}/steering.test.ts`);
const inGrid = testsOf("test/simulation/odgm/grid.test.ts");
const inApplier = testsOf(`${RAFT}/applier.test.ts`);
const inLease = testsOf(`${RAFT}/lease-reads.test.ts`);
const inHost = testsOf(`${RAFT}/host.test.ts`);
const inTrouble = testsOf(`${RAFT}/trouble.test.ts`);
const inMachine = testsOf(`${SHARDS}/raft-machine.test.ts`);
const SEEDS: Killer = inGrid("a grid of whole shard groups keeps its promises");

/** Everything in workloads/odgm that Raft shards rest on. */
export const DRIVER_MUTANTS: readonly Mutant[] = [
  {
    id: "commit-told-before-it-is-durable",
    breaks: "everything is answered before the disk has it",
    file: COMMITTER,
    find: "      await this.#store.commit([...batch.writes.values()], { sync: batch.sync });",
    replace:
      "      void this.#store.commit([...batch.writes.values()], { sync: batch.sync }).catch(() => 0);",
    killers: [SEEDS],
  },
  {
    id: "commit-never-synced",
    breaks: "term, vote and log are in the page cache when they are acknowledged",
    file: COMMITTER,
    find: "    if (options.sync !== false) batch.sync = true;\n",
    replace: "",
    killers: [SEEDS],
  },
  {
    id: "driver-forgets-the-vote",
    breaks: "term and vote never reach the store",
    file: LOG,
    find: "    if (persist.hard !== undefined) writes.push(this.hardWrite(persist.hard));\n",
    replace: "",
    killers: [SEEDS],
  },
  {
    id: "what-was-cut-stays-in-the-store",
    breaks: "entries of a lost leadership are back after a restart",
    file: LOG,
    find: "      this.removeEntries(writes, last + 1, this.queued.last);\n",
    replace: "",
    killers: [
      inLog("the log of a group ends after a restart where another leader's entries ended"),
    ],
  },
  {
    id: "frame-kept-as-a-view",
    breaks: "entries change when the link uses its buffer again",
    file: HOST,
    find: "const frame = decodeFrame(copyOf(bytes));",
    replace: "const frame = decodeFrame(bytes);",
    killers: [SEEDS],
  },
  {
    id: "learner-promoted-early",
    breaks: "a majority counts members that hold nothing yet",
    file: `${RAFT}/steering.ts`,
    find: "  if (lagging.length > 0) return {",
    replace: "  if (lagging.length > 99) return {",
    killers: [
      inSteering(
        "members are promoted together with the removal of those that leave, once they have caught up",
      ),
    ],
  },
  {
    id: "level-raised-early",
    breaks: "a group uses what a member of the release before does not know",
    file: "workloads/core/raft/leader.ts",
    find: "lowest = Math.min(lowest, supports);",
    replace: "lowest = Math.max(lowest, supports);",
    killers: [SEEDS],
  },
  {
    id: "read-without-a-round",
    breaks: "a strong read shows what a leader had that is none any more",
    file: `${SHARDS}/raft.ts`,
    find: "const after = isStrong ? (): void => this.readNewest(done) : (): void => done(undefined);",
    replace: "const after = (): void => (isStrong ? done(undefined) : done(undefined));",
    killers: [SEEDS],
  },
  {
    id: "repetition-is-another-write",
    breaks: "a request that is sent again is carried out again",
    file: `${SHARDS}/raft-machine.ts`,
    find: "    if (identity === undefined) return this.write(command, state);",
    replace: "    if (identity !== null) return this.write(command, state);",
    killers: [
      inMachine(
        "a write of a session runs once, over a restart too, and is forgotten when it is settled",
      ),
    ],
  },
  {
    id: "sessions-forgotten-over-restarts",
    breaks: "after a restart or a snapshot a repeated request is carried out again",
    file: `${SHARDS}/raft-machine.ts`,
    find: "    this.sessions.restore(readSessions(state, timeMs));\n",
    replace: "    this.sessions.restore({ timeMs, sessions: [], results: [], keys: [] });\n",
    killers: [
      inMachine(
        "a write of a session runs once, over a restart too, and is forgotten when it is settled",
      ),
    ],
  },
  {
    id: "lease-granted-before-a-stall",
    breaks: "a leader that stood still answers by a lease that is over",
    file: `${RAFT}/replica.ts`,
    find: 'if (ready.kind === "ready" && ready.stillHolds?.() === false) this.read("quorum", done);',
    replace:
      'if (ready.kind === "refused" && ready.reason === "failed") this.read("quorum", done);',
    killers: [
      inLease(
        "a read by lease asks a majority if the process stood still until the lease was over",
      ),
    ],
  },
  {
    id: "entries-of-a-state-that-was-replaced",
    breaks: "entries that a snapshot holds already are applied to it again",
    file: `${RAFT}/applier.ts`,
    find: "  drop(): void {\n    this.waiting = [];\n    this.next = 0;",
    replace: "  drop(): void {",
    killers: [inApplier("applying of what a snapshot replaces never happens")],
  },
  {
    id: "digest-never-taken",
    breaks: "a replica whose state differs is not found",
    file: `${RAFT}/applier.ts`,
    find: "    if (index % settings.digestEntries === 0) this.takeDigest(index);\n",
    replace: "",
    killers: [inHost("a state that differs from the leader's is rebuilt")],
  },
  {
    id: "removed-replica-found-again",
    breaks: "a replica that was removed just now begins with what is being deleted",
    file: `${RAFT}/gone-logs.ts`,
    find: "return !this.gone.has(group) && GroupLog",
    replace: "return GroupLog",
    killers: [
      inTrouble(
        "a replica that was removed just now is not held, and comes back with nothing, although the disk still has it all",
      ),
    ],
  },
];
