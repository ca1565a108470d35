// Bugs of what a user reads.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const CONDITIONS = "controllers/runtime/conditions/conditions.ts";
const WRITER = "controllers/runtime/conditions/status-writer.ts";
const DRIVER = "controllers/runtime/controller/driver.ts";
const STEPS = "controllers/runtime/controller/steps.ts";
const inConditions = testsOf("controllers/runtime/conditions/conditions.test.ts");
const inRunner = testsOf("controllers/runtime/controller/runner.test.ts");

/** Status, conditions. */
export const STATUS_MUTANTS: readonly Mutant[] = [
  {
    id: "status-written-though-equal",
    breaks: "every pass writes the status, which wakes everybody who watches",
    file: WRITER,
    find: "found.length === 0 || this.#wasAccepted(live, content, found)",
    replace: "false",
    killers: [inRunner("a controller on an API server writes nothing after a restart")],
  },
  {
    id: "status-of-the-past",
    breaks: "a status about an older object lands on its successor",
    file: WRITER,
    find: "        expect: { uid, resourceVersion },\n",
    replace: "        expect: { uid },\n",
    killers: [
      inRunner(
        "objects that change under a pass a status never lands on a successor of the same name",
      ),
    ],
  },
  {
    id: "old-status-fields-stay",
    breaks: "a status field that is no longer true stays",
    file: WRITER,
    find: "  return exactDifferences(wanted, (live as { readonly status?: unknown }).status);\n",
    replace:
      "  const { status } = live as { readonly status?: object };\n" +
      "  return exactDifferences(wanted, { ...status, ...(wanted as object) });\n",
    killers: [
      inRunner("objects that change under a pass a status wiped by somebody is written again"),
    ],
  },
  {
    id: "transition-time-always-now",
    breaks: "a condition's time moves with every pass, so that nothing ever rests",
    file: CONDITIONS,
    find: "same ? before.lastTransitionTime : transitionTime(before, input.now)",
    replace: "rfc3339(input.now)",
    killers: [inConditions("conditions keep their time until their status changes")],
  },
  {
    id: "transition-time-stands",
    breaks: "a condition keeps its time although its status has changed",
    file: CONDITIONS,
    find: "same ? before.lastTransitionTime : transitionTime(before, input.now)",
    replace: "before?.lastTransitionTime ?? rfc3339(input.now)",
    killers: [inConditions("conditions keep their time until their status changes")],
  },
  {
    id: "generation-of-the-first-pass",
    breaks: "observedGeneration is of the object as it was first seen",
    file: STEPS,
    find: "    const generation = pass.live.metadata.generation ?? 0;\n",
    replace:
      "    const known = pass.live as { readonly status?: { readonly observedGeneration?: number } };\n" +
      "    const generation = known.status?.observedGeneration ?? pass.live.metadata.generation ?? 0;\n",
    killers: [inRunner("refusals invalid input stalls, touches nothing and heals")],
  },
  {
    id: "stalled-and-reconciling",
    breaks: "an object that waits for an edit says that it works on it",
    file: CONDITIONS,
    find: '  if (wanted.get(types.STALLED)?.status === "True") wanted.delete(types.RECONCILING);\n',
    replace: "",
    killers: [
      inConditions(
        "conditions a refusal overrides what the controller drafted, and nothing reconciles then",
      ),
    ],
  },
  {
    id: "status-of-before-the-write",
    breaks: "the status tells what was there before the pass wrote",
    file: DRIVER,
    find: "      if (changed) await this.#steps.observeAgain(pass);\n    }\n    await this.#letGo",
    replace: "    }\n    await this.#letGo",
    killers: [
      inRunner(
        "a controller on an API server brings an object to Ready with one request per child and one for status",
      ),
    ],
  },
];
