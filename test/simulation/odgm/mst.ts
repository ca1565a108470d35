// An Mst group under faults: which one a seed gets, and that it ends equal to everything that was
// acknowledged, with nothing brought back.
import { assert } from "#api/base/index.ts";
import { CLOCK_BOUND_MS } from "#workloads/core/mst/index.ts";
import { chaos } from "#workloads/core/mst/testing/chaos.ts";
import { Group } from "#workloads/core/mst/testing/group.ts";

import type { Recorder } from "./recorder.ts";

const STEPS = 300;
const PHASES = 3;
/** Clocks of two members differ by this share of the bound at most. */
const SKEW_SHARE = 0.45;
const CUT_STEPS_MS = [1, 100, 1_000];

/** Runs one; what does not converge throws. */
export function runMst(
  options: { readonly seed: number; readonly steps?: number },
  recorder: Recorder,
): void {
  const { seed, steps = STEPS } = options;
  const group = new Group(seed, { cutStepMs: CUT_STEPS_MS[seed % CUT_STEPS_MS.length] ?? 1 });
  const skew = (): number => Math.round((group.random() - 0.5) * 2 * CLOCK_BOUND_MS * SKEW_SHARE);
  const count = 3 + Math.floor(group.random() * 2);
  const isSkewed = group.random() < 0.5;
  const offset = (): number => (isSkewed ? skew() : 0);
  for (let at = 0; at < count; at += 1) {
    group.add(`m${at}`, { joined: true, clockOffsetMs: offset() });
  }
  group.announce();
  for (let phase = 0; phase < PHASES; phase += 1) {
    chaos(group, Math.ceil(steps / PHASES));
    recorder.line(`phase ${phase}: ${group.messages} messages, ${group.bytes} bytes`);
    if (group.random() < 0.4) continue;
    replaceOldest(group, `new-${phase}`, offset());
    recorder.fault("replaced");
  }
  group.settle();
  recorder.writes += group.ideal.size;
  check(group, recorder);
}

/** A planned removal: the others have what it has before it goes. */
function replaceOldest(group: Group, node: string, clockOffsetMs: number): void {
  group.settle(2);
  const [oldest] = group.members.keys();
  if (oldest !== undefined) group.members.delete(oldest);
  group.add(node, { joined: false, clockOffsetMs });
  group.announce();
}

function check(group: Group, recorder: Recorder): void {
  const want = JSON.stringify([...group.idealView()]);
  const roots = new Set<string>();
  for (const [node, { replica }] of group.members) {
    const view = JSON.stringify([...group.view(node)]);
    recorder.line(`${node} ${Buffer.from(replica.root, "latin1").toString("hex")} ${view}`);
    assert(view === want, `convergence: ${node} shows ${view}, acknowledged was ${want}`);
    roots.add(replica.root);
  }
  assert(roots.size === 1, `convergence: ${roots.size} roots of equal content`);
}
