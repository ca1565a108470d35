// Bugs of the way from the gateway to a partition: who is asked, what is sent again, what a read and
// a repeated write are recognised by.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const RUN = "workloads/gateway/calls/run.ts";
const inRun = testsOf("workloads/gateway/calls/run.test.ts");
const inSessions = testsOf("workloads/gateway/calls/sessions.test.ts");
const inDemand = testsOf("workloads/core/demand/demand.test.ts");
const inPieces = testsOf("workloads/platform/stream/pieces.test.ts");
const inTokens = testsOf("workloads/odgm/shards/exclusive.test.ts");
const inTurns = testsOf("workloads/odgm/turns.test.ts");

/** Links, retries and exactly once. */
export const LINKS_MUTANTS: readonly Mutant[] = [
  {
    id: "write-sent-again-without-identity",
    breaks: "a write whose answer was lost is sent again although nobody would recognise it",
    file: RUN,
    find: "(mayBeDone && (isRepeatable || isKnown))",
    replace: "mayBeDone",
    killers: [inRun("what may have been done and has no identity is never sent again")],
  },
  {
    id: "doubt-forgotten",
    breaks: "a write that may have happened is reported as surely not done",
    file: RUN,
    find: "    if (mayBeDone && !isRepeatable) this.#inDoubt = true;\n",
    replace: "",
    killers: [
      inRun("what may have been done is not called undone because of what the next attempt says"),
    ],
  },
  {
    id: "new-number-for-each-attempt",
    breaks: "a second attempt is another request to the partition",
    file: RUN,
    find: "    if (!needsTurn || this.#turn !== undefined) {",
    replace: "    if (!needsTurn) {",
    killers: [
      inRun("what may have been done is sent again under the same identity after LINK_LOST"),
    ],
  },
  {
    id: "expired-session-retried-in-doubt",
    breaks: "a write of a session that expired meanwhile runs again in a new one",
    file: RUN,
    find: "      if (!this.#inDoubt && this.#again(true)) return;",
    replace: "      if (this.#again(true)) return;",
    killers: [
      inRun(
        "what may have been done under a session that has expired meanwhile is not sent under another one",
      ),
    ],
  },
  {
    id: "leader-not-remembered",
    breaks: "every call asks the owner of the table first",
    file: RUN,
    find: "    this.#host.leaders.remember(this.#call.cls, destination.partition, address);\n",
    replace: "",
    killers: [inRun("a hint is followed at once, and the leader is remembered")],
  },
  {
    id: "number-never-given-back",
    breaks: "a session's window closes for ever after one write that failed",
    file: RUN,
    find: "    this.#turn?.end();\n  }",
    replace: "  }",
    killers: [inRun("a session gives its number back when the write has ended, however it did")],
  },
  {
    id: "settled-too-far",
    breaks: "a partition forgets the answer of a write that is still asked for",
    file: "workloads/gateway/calls/sessions.ts",
    find: "  for (const sequence of session.unanswered) return sequence;\n",
    replace: "",
    killers: [inSessions("client sessions settle only what has no unanswered write below")],
  },
  {
    id: "fingerprint-without-values",
    breaks: "another value under the same key passes for a repetition",
    file: "workloads/core/demand/identity.ts",
    find: "    .map(({ key, value }) => [key, latin1(value)]);",
    replace: "    .map(({ key }) => [key]);",
    killers: [inDemand("the fingerprint of a request depends on a value")],
  },
  {
    id: "class-bound-widened",
    breaks: "a request makes the bound of its class wider",
    file: "workloads/core/demand/demand.ts",
    find: "Math.min(...bounds)",
    replace: "Math.max(...bounds)",
    killers: [inDemand("a demand of class and request together is never weaker than either")],
  },
  {
    id: "mark-goes-back",
    breaks: "a session forgets its newest write for an older one",
    file: "workloads/core/demand/session-token.ts",
    find: "  if (known !== undefined && known.index >= mark.index) return before;\n",
    replace: "",
    killers: [inDemand("a session token keeps the newest mark of each history of each partition")],
  },
  {
    id: "pieces-of-dropped-call-kept",
    breaks: "what was given up begins the next message of its id",
    file: "workloads/platform/stream/pieces.ts",
    find: "    this.#open.delete(id);\n  }\n\n  #add",
    replace: "  }\n\n  #add",
    killers: [
      inPieces("pieces beyond the bound are dropped to the end of their message, and no further"),
    ],
  },
  {
    id: "token-of-another-life",
    breaks: "a call that a dead process gave out writes over later ones",
    file: "workloads/core/demand/identity.ts",
    find: "  if (token.term !== newest.term) return token.term < newest.term;\n",
    replace: "",
    killers: [
      inTokens("exclusive tokens of an earlier life of the shard are stale, whatever their object"),
    ],
  },
  {
    id: "turn-ends-twice",
    breaks: "two exclusive calls of one object run at once",
    file: "workloads/odgm/turns.ts",
    find: "      if (isOver) return;\n",
    replace: "",
    killers: [inTurns("turns of one object come one after the other, in the order of the calls")],
  },
];
