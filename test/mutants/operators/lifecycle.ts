// Bugs of a process's life: who leads, what is told.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const ELECTION = "controllers/runtime/lifecycle/leader-election.ts";
const EVENTS = "controllers/runtime/lifecycle/events.ts";
const inElection = testsOf("controllers/runtime/lifecycle/leader-election.test.ts");
const inShard = testsOf("controllers/runtime/lifecycle/shard.test.ts");
const inEvents = testsOf("controllers/runtime/lifecycle/events.test.ts");

/** Leader election, Events. */
export const LIFECYCLE_MUTANTS: readonly Mutant[] = [
  {
    id: "lease-judged-by-wall-clock",
    breaks: "a holder with a wrong clock is robbed, or never succeeded",
    file: ELECTION,
    find: "    return this.#seen.atMs + durationMs - nowMs;\n",
    replace:
      '    const renewed = Date.parse(record.spec?.renewTime ?? "");\n' +
      "    return renewed + durationMs - this.#options.world.clock.nowMs();\n",
    killers: [
      inElection(
        "leader election takes over a holder that is silent for the lease's time by its own clock",
      ),
    ],
  },
  {
    id: "renewed-after-loss",
    breaks: "a process that lost its lease takes it back and goes on as if nothing had happened",
    file: ELECTION,
    find: "    if (now?.spec?.holderIdentity !== identity) return false;\n",
    replace: '    if (now?.spec === undefined || identity === "") return false;\n',
    killers: [
      inElection(
        "leader election sees that somebody took the lease, and begins anew when that one is gone",
      ),
    ],
  },
  {
    id: "fence-judged-by-timer",
    breaks:
      "a process that was stopped writes before its timers have told it that it lost the lease",
    file: "controllers/runtime/lifecycle/fence.ts",
    find: " && this.#world.clock.monotonicMs() < this.#validUntilMs;",
    replace: ";",
    killers: [
      inElection(
        "leader election writes nothing after the process was stopped for longer than its lease",
      ),
    ],
  },
  {
    id: "fence-never-falls",
    breaks: "a leader that cannot renew goes on writing while another one leads",
    file: "controllers/runtime/lifecycle/fence.ts",
    find: "    this.#validUntilMs = validUntilMs;\n",
    replace: "    this.#validUntilMs = validUntilMs + 3_600_000;\n",
    killers: [
      inElection(
        "leader election stops writing when it cannot renew, before anybody else may lead",
      ),
      inElection(
        "leader election writes nothing after the process was stopped for longer than its lease",
      ),
    ],
  },
  {
    id: "lease-not-given-back",
    breaks: "after a rolling update nobody leads until the old lease has run out",
    file: ELECTION,
    find: "      if (fence.isOpen) await this.#release();\n",
    replace: "",
    killers: [
      inElection(
        "leader election a standby keeps its caches warm, asks nothing, and follows a release at once",
      ),
    ],
  },
  {
    id: "standby-polls",
    breaks: "a standby asks for the lease again and again",
    file: ELECTION,
    find: "      if (waitMs <= 0 && (await this.#tryAcquire())) return true;\n",
    replace: "      if (await this.#tryAcquire()) return true;\n",
    killers: [
      inElection(
        "leader election a standby keeps its caches warm, asks nothing, and follows a release at once",
      ),
    ],
  },
  {
    id: "event-series-lost",
    breaks: "the same event is written again and again instead of being counted",
    file: EVENTS,
    find: "nowMs - known.lastAtMs < SERIES_MS",
    replace: "nowMs - known.lastAtMs < 0",
    killers: [
      inEvents("events become a series when repeated, written as its count doubles and at its end"),
    ],
  },
  {
    id: "events-without-limit",
    breaks: "one noisy object floods the cluster with events",
    file: EVENTS,
    find: "    if (bucket.tokens < 1) return false;\n",
    replace: "",
    killers: [inEvents("events of one noisy object are cut off, others are heard")],
  },
  {
    id: "shards-overlap",
    breaks: "two shards serve one object",
    file: "controllers/runtime/lifecycle/shard.ts",
    find: "    return shardOf(text, count) === index;\n",
    replace: "    return shardOf(text, count) >= index;\n",
    killers: [inShard("shards serve every object exactly once")],
  },
  {
    id: "shard-ignored",
    breaks: "a shard reconciles what another one serves",
    file: "controllers/runtime/controller/driver.ts",
    find: "    if (live === undefined || !this.#options.serves(live)) {\n",
    replace: "    if (live === undefined) {\n",
    killers: [inShard("sharded operators hand an object over when its label says so")],
  },
];
