// A Raft group under faults: which one a seed gets, how long it runs, what is looked at.
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { Cluster } from "#workloads/core/raft/testing/cluster.ts";

import { casModel, checkLinearizable, tellViolation } from "../../support/linearizability.ts";
import type { ClientBug } from "./clients.ts";
import { Clients } from "./clients.ts";
import type { Recorder } from "./recorder.ts";

const STEPS = 1_500;
/** What of the cluster's actions is a fault or a disturbance. */
const FAULTS = new Set(
  "lose repeat crash cut change compact transfer damage link-down stall".split(" "),
);
/** Between two looks at whether the logs match. */
const LOOK_STEPS = 100;
const NUMBERS = 1_000_000;
/** So many of the steps bring no fault; more gets done in between. */
const CALM_SHARES = [0, 0.7, 0.9, 0.95];
/** Below it the numbers of the cluster's actions mean work: messages, time, writes, requests. */
const WORK = 88;

/** Runs one; a broken promise throws, a history without an order is returned. */
export function runRaft(
  options: { readonly seed: number; readonly steps?: number; readonly bug?: ClientBug },
  recorder: Recorder,
): readonly string[] {
  const { seed, steps = STEPS, bug } = options;
  const rng = seededRng(seed);
  const pick = (count: number): number => Math.floor(rng.next() * count);
  const voters = pick(2) === 0 ? 3 : 5;
  const bugs = bug === undefined ? {} : { bug };
  const clients = new Clients(() => rng.next(), { count: 3 + pick(5), ...bugs });
  const cluster = new Cluster(seededRng(seed + 1_000_000_000), voters, voters === 3 ? pick(2) : 0, {
    clients,
    trace: (line) => recorder.line(line),
    settings: {
      appendBytesMax: 64 << pick(4),
      applyBytesMax: 64 << pick(4),
      inflightMessagesMax: 1 + pick(6),
      forwardProposals: pick(4) > 0,
      preVote: pick(4) > 0,
      quiesceTicks: pick(2) === 0 ? 0 : 12,
    },
  });
  const calm = CALM_SHARES[pick(CALM_SHARES.length)] ?? 0;
  for (let step = 0; step < steps; step += 1) {
    const what = rng.next() < calm ? pick(WORK) : pick(NUMBERS);
    const action = cluster.act(what, pick(NUMBERS), pick(NUMBERS));
    if (FAULTS.has(action)) recorder.fault(action);
    if (step % LOOK_STEPS === 0) cluster.checkLogs();
    if (bug === "read-without-asking") cluster.readLocally(pick(NUMBERS));
  }
  cluster.recover();
  cluster.checkLogs();
  recorder.writes += clients.seen.told;
  recorder.line(JSON.stringify(clients.seen));
  const found = checkLinearizable(clients.finalHistory(cluster.acknowledged), casModel());
  if (found.kind === "linearizable") return [];
  if (found.kind === "undecided") return [`linearizability: undecided for key ${found.key}`];
  return [`linearizability: ${tellViolation(found).join("\n    ")}`];
}
