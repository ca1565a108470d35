// Bugs of trees, pulls, clocks and cuts.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const TREE = "workloads/core/mst/tree.ts";
const HLC = "workloads/core/mst/hlc.ts";
const ACKS = "workloads/core/mst/acks.ts";
const REPLICA = "workloads/core/mst/replica.ts";
const PULL = "workloads/core/mst/pull.ts";
const inTree = testsOf("workloads/core/mst/tree.test.ts");
const inClock = testsOf("workloads/core/mst/hlc.test.ts");
const inGroup = testsOf("workloads/core/mst/group.test.ts");
const SHAPE = inTree(
  "a tree, deep has the same root for the same keys, whatever was added and removed before",
);
const PURGES = inGroup(
  "a group of three brings nothing back while tombstones are purged again and again",
);
const COMINGS = inGroup("members that come and go lose nothing and bring nothing back");

/** Everything in workloads/core/mst. */
export const MST_MUTANTS: readonly Mutant[] = [
  {
    id: "page-hash-kept",
    breaks: "a page that changed keeps its old hash, so replicas think that they are equal",
    file: TREE,
    find: "    page.hash = undefined;\n    const at = position(page.keys, item.key);",
    replace: "    const at = position(page.keys, item.key);",
    killers: [SHAPE],
  },
  {
    id: "hash-kept-after-removal",
    breaks: "the tree does not notice that a key has gone",
    file: TREE,
    find: "  page.hash = undefined;\n  const at = position(page.keys, key);",
    replace: "  const at = position(page.keys, key);",
    killers: [SHAPE],
  },
  {
    id: "shape-by-history",
    breaks: "the shape of the tree depends on the order of insertion",
    file: TREE,
    find: "    if (item.level > page.level) {",
    replace: "    if (item.level > page.level + 1) {",
    killers: [SHAPE],
  },
  {
    id: "range-includes-its-bound",
    breaks: "a range holds the key at its lower end",
    file: TREE,
    find: "    ? [page.children[at], page.children[at + 1]]",
    replace: "    ? [page.children[at], page.children[at]]",
    killers: [
      inTree(
        "a tree, deep cuts out a range as if nothing else had ever been there, and stays as it is",
      ),
    ],
  },
  {
    id: "clock-forgets-over-restarts",
    breaks: "a stamp is issued twice after a restart with a clock set back",
    file: HLC,
    find: "    this.#last = options.highWater;",
    replace: "    this.#last = 0;",
    killers: [
      inClock(
        "HybridClock issues nothing above its durable mark, so a restart never repeats a stamp",
      ),
    ],
  },
  {
    id: "promise-before-durable",
    breaks: "a member promises a write that is still on its way to the disk",
    file: HLC,
    find: "    for (const time of this.#pending) promise = Math.min(promise, time - 1);\n",
    replace: "",
    killers: [inClock("HybridClock promises nothing that is still on its way into the tree")],
  },
  {
    id: "promise-above-the-mark",
    breaks: "a promise is broken by a restart with a clock set back",
    file: HLC,
    find: "    const at = Math.min(timeOfMs(nowMs), this.#reserved);\n",
    replace:
      "    const at = timeOfMs(nowMs);\n    this.#reserved = Math.max(this.#reserved, at);\n",
    killers: [
      inClock(
        "HybridClock promises nothing above its durable mark: a restart with a clock set back would break it",
      ),
    ],
  },
  {
    id: "future-drags-the-clock",
    breaks: "one clock that runs ahead takes all others along",
    file: HLC,
    find: "    if (time > timeOfMs(nowMs + CLOCK_BOUND_MS)) return false;\n",
    replace: "",
    killers: [inClock("HybridClock is after what it observed, unless that lies beyond the bound")],
  },
  {
    id: "one-wrong-clock-stops-all",
    breaks: "of three members with one wrong clock nobody takes writes",
    file: HLC,
    find: "    return Math.abs(low) < Math.abs(high) ? low : high;",
    replace: "    return Math.abs(low) < Math.abs(high) ? high : low;",
    killers: [inClock("ClockSkew one peer far off of two: false")],
  },
  {
    id: "cut-without-the-others",
    breaks: "tombstones go before every member has them: the deleted comes back",
    file: ACKS,
    find: "    return Math.min(ownAck, ...this.#others.map((member) => this.#acks.get(member) ?? 0));",
    replace: "    return ownAck;",
    killers: [PURGES, COMINGS],
  },
  {
    id: "ack-of-the-best",
    breaks: "a member acknowledges what it has from one of the others only",
    file: ACKS,
    find: "    return Math.max(this.#floor, Math.min(...promises));",
    replace: "    return Math.max(this.#floor, Math.max(...promises));",
    killers: [PURGES, COMINGS],
  },
  {
    id: "newcomer-writes-into-the-past",
    breaks: "a new member whose clock runs behind writes a delete below the cut: it is undone",
    file: REPLICA,
    find: "    this.clock.advance(header.ack);\n",
    replace: "",
    killers: [
      inGroup(
        "clocks of a new member that runs behind never write below what the others have acknowledged",
      ),
    ],
  },
  {
    id: "serves-before-it-has-learned",
    breaks: "a new member answers from an empty store",
    file: REPLICA,
    find: "    const joined = this.#wanted.joined || this.#acks.isComplete();",
    replace: "    const joined = true;",
    killers: [inGroup("members that come and go serve only once they have pulled from everybody")],
  },
  {
    id: "missed-purges-unnoticed",
    breaks: "a member that was away brings back what the others have purged",
    file: REPLICA,
    find: "    if (this.#mark.joined && header.cut > this.#mark.ack) {",
    replace: "    if (!this.#mark.joined && header.cut > this.#mark.ack) {",
    killers: [
      inGroup("members that come and go begin again when they missed tombstones that are gone"),
    ],
  },
  {
    id: "nothing-reserved-nothing-purged",
    breaks: "one member that never writes keeps the tombstones of all for ever",
    file: REPLICA,
    find: '    if (highWater !== undefined) effects.push({ kind: "reserve", highWater });\n',
    replace: "",
    killers: [
      inGroup("a group of three keeps no dead object once everybody knows that it is dead"),
    ],
  },
  {
    id: "equal-roots-compared-again",
    breaks: "replicas that are equal walk their trees all the same",
    file: REPLICA,
    find: "    const isSame = digest === message.digest || !this.#mark.joined;",
    replace: "    const isSame = !this.#mark.joined;",
    killers: [inGroup("the cost of a pull is one exchange of roots when nothing differs")],
  },
  {
    id: "equal-ranges-walked",
    breaks: "a pull costs as much as there is, not as much as differs",
    file: PULL,
    find: "      if (this.#tree.rangeDigest(child) !== digest) this.#ranges.push(child);",
    replace: "      this.#ranges.push(child);",
    killers: [inGroup("the cost of a pull grows with what differs and hardly with what there is")],
  },
  {
    id: "pieces-begin-again",
    breaks: "an object larger than a frame never arrives whole",
    file: PULL,
    find: "      offset: at === 0 ? (this.#assembly?.filled ?? 0) : 0,",
    replace: "      offset: 0,",
    killers: [inGroup("the cost of a pull moves objects that are larger than a frame in pieces")],
  },
  {
    id: "pages-answer-the-wrong-range",
    breaks:
      "a page is compared with a range that it does not cover, and differences are overlooked",
    file: PULL,
    find: "      const range = ranges[at];\n",
    replace: "      const range = ranges[0] ?? ranges[at];\n",
    killers: [
      inGroup("the cost of a pull grows with what differs and hardly with what there is"),
      inGroup("the cost of a pull is one exchange of roots when nothing differs"),
    ],
  },
];
