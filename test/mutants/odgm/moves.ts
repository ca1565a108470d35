// Bugs of slot moves: what the two ends remember of a move, and what the copy between them holds.
import type { Killer, Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const MOVES = "workloads/core/moves";
const LEDGER = `${MOVES}/ledger.ts`;
const COPY = `${MOVES}/copy.ts`;
const inMoves = testsOf(`${MOVES}/moves.test.ts`);
const inMover = testsOf("workloads/odgm/slot-mover.test.ts");
const ORDER: Killer = inMoves("a ledger takes parts of the newest attempt only, in their order");
const AGAIN: Killer = inMoves("a move of slots sends again what is written behind the copy");

/** Everything in workloads/core/moves, and who may run it. */
export const MOVES_MUTANTS: readonly Mutant[] = [
  {
    id: "slots-served-without-all-parts",
    breaks: "the target serves slots of which the newest parts never came",
    file: LEDGER,
    find: "if (move?.chain !== chain || move.parts !== parts) return undefined;",
    replace: "if (move?.chain !== chain) return undefined;",
    killers: [ORDER],
  },
  {
    id: "slots-served-after-they-were-given-up",
    breaks: "two partitions serve one object",
    file: LEDGER,
    find: '        return { kind: "gone", partition: this.right[slot] ?? 0 };',
    replace: '        return { kind: "plain" };',
    killers: [inMoves("a ledger is the same after it was kept")],
  },
  {
    id: "older-copy-goes-on",
    breaks: "a leader that was deposed mixes its parts into the newest copy",
    file: LEDGER,
    find: '    if (known !== undefined && chain < known.chain) return "superseded";\n',
    replace: "",
    killers: [ORDER],
  },
  {
    id: "late-attempt-gives-slots-up",
    breaks: "slots are given up by an attempt of which the target holds nothing",
    file: LEDGER,
    find: "    if (move?.chain !== chain) return false;",
    replace: "    if (move === undefined) return false;",
    killers: [inMoves("a ledger gives nothing up for an attempt that is not the newest")],
  },
  {
    id: "changes-behind-the-copy-dropped",
    breaks: "what was written while slots were copied is not there afterwards",
    file: COPY,
    find: "    this.ids.push(...this.changedIds);\n",
    replace: "",
    killers: [AGAIN],
  },
  {
    id: "remembered-requests-stay-behind",
    breaks: "a request that is sent again at the new owner is carried out again",
    file: COPY,
    find: "    this.keys.push(...this.changedKeys.values());\n",
    replace: "",
    killers: [AGAIN],
  },
  {
    id: "moves-logged-for-the-release-before",
    breaks: "a member of the release before finds a command that it cannot read",
    file: "workloads/odgm/shards/raft.ts",
    find: "        if (group.level < COMMAND_LEVELS.move) {",
    replace: "        if (group.level < 0) {",
    killers: [inMover("slots do not move while a replica is of a release that cannot read it")],
  },
];
