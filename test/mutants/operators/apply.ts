// Bugs of what is written to children.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const APPLY = "controllers/runtime/apply/apply-set.ts";
const CLAIM = "controllers/runtime/apply/claim.ts";
const DECIDE = "controllers/runtime/apply/decide.ts";
const DRIVER = "controllers/runtime/controller/driver.ts";
const ENDING = "controllers/runtime/controller/ending.ts";
const STEPS = "controllers/runtime/controller/steps.ts";
const inSafety = testsOf("controllers/runtime/controller/safety.test.ts");
const inRunner = testsOf("controllers/runtime/controller/runner.test.ts");

const inSieve = testsOf("test/simulation/operators/sieve.test.ts");
const inLateCollection = testsOf("test/simulation/operators/scenarios/late-collection.test.ts");

/** Apply, prune, drift, finalizers. */
export const APPLY_MUTANTS: readonly Mutant[] = [
  {
    id: "prune-after-partial-apply",
    breaks: "children are pruned although others could not be applied",
    file: APPLY,
    find: "    if (failure !== undefined) return failure;\n",
    replace: "",
    killers: [inRunner("faults prunes nothing while a child cannot be applied")],
  },
  {
    id: "prune-when-refused",
    breaks: "an edit that is refused takes the running children away",
    file: DRIVER,
    find: '      outcome = { kind: "refused", refusal: rendered.refused };\n',
    replace:
      '      outcome = { kind: "refused", refusal: rendered.refused };\n' +
      "      await this.#options.applier.apply(this.#steps.parent(pass), [], signal);\n",
    killers: [inRunner("refusals invalid input stalls, touches nothing and heals")],
  },
  {
    id: "prune-by-label-alone",
    breaks: "what merely inherited the inventory label (pods, claims) is deleted",
    file: DECIDE,
    find: "          if (live.metadata.annotations?.[names.owner] !== owner) continue;\n",
    replace: "",
    killers: [
      inRunner("a controller on an API server does not prune what only inherited the label"),
    ],
  },
  {
    id: "kept-child-pruned",
    breaks: "a child that must be kept is deleted once it is no longer rendered",
    file: APPLY,
    find: 'if (live.metadata.annotations?.[names.prune] === "Keep") {',
    replace: 'if (live.metadata.annotations?.[names.prune] === "Kept") {',
    killers: [
      inRunner(
        "a controller on an API server prunes what is no longer rendered and keeps what must be kept",
      ),
    ],
  },
  {
    id: "delete-without-uid",
    breaks: "pruning deletes an object that somebody has made anew under the same name",
    file: APPLY,
    find: "client.delete(declared.kind, key, { uid, signal })",
    replace: "client.delete(declared.kind, key, { signal })",
    killers: [
      inSafety("an object that somebody has made anew under the name of a child is not pruned"),
    ],
  },
  {
    id: "apply-without-uid",
    breaks: "an apply lands on an object that somebody has made anew under the same name",
    file: APPLY,
    find: '      one.step.kind === "update" ? { uid: one.step.live.metadata.uid } : ("Create" as const);',
    replace: '      one.step.kind === "update" ? {} : ("Create" as const);',
    killers: [
      inSafety("an object that somebody has made anew under the name of a child is not written to"),
    ],
  },
  {
    id: "create-takes-what-is-there",
    breaks: "a foreign object that no cache shows is overwritten",
    file: APPLY,
    find: '{ uid: one.step.live.metadata.uid } : ("Create" as const);',
    replace: "{ uid: one.step.live.metadata.uid } : {};",
    killers: [
      inRunner(
        "a controller on an API server never touches an object of the same name that is not its own",
      ),
    ],
  },
  {
    id: "conflict-swallowed",
    breaks: "a 409 on creating a child counts as success",
    file: APPLY,
    find: "      if (!exists) return this.#failure(one, object, cause, progress, signal);\n",
    replace:
      "      if (exists) return undefined;\n" +
      "      return this.#failure(one, object, cause, progress, signal);\n",
    killers: [
      inRunner(
        "a controller on an API server never touches an object of the same name that is not its own",
      ),
    ],
  },
  {
    id: "foreign-object-adopted",
    breaks: "an object of the same name without an owner is taken over",
    file: CLAIM,
    find: '  return { kind: "foreign", owner: label === undefined ? "nobody we know" : `uid ${label}` };',
    replace: '  return { kind: "ours" };',
    killers: [
      inRunner(
        "a controller on an API server never touches an object of the same name that is not its own",
      ),
    ],
  },
  {
    id: "drift-not-reverted",
    breaks: "what somebody has changed by hand stays, because it was right once",
    file: DECIDE,
    find: '  return paths.length === 0 ? { kind: "unchanged" } : { kind: "update", live, paths, migrate };',
    replace:
      "  const { uid } = parent.object.metadata;\n" +
      "  return paths.length === 0 || target.memory.wasApplied(uid, live, one.content)\n" +
      '    ? { kind: "unchanged" }\n' +
      '    : { kind: "update", live, paths, migrate };',
    killers: [
      inRunner(
        "a controller on an API server reverts a foreign change of its own field and leaves a foreign label",
      ),
    ],
  },
  {
    id: "foreign-field-is-drift",
    breaks: "fields of others count as drift, so that every restart writes every child",
    file: "controllers/runtime/apply/match.ts",
    find: "if (foreign && isAtomicMap(step.field, desired)) differ",
    replace: "if (foreign) differ",
    killers: [inRunner("a controller on an API server writes nothing after a restart")],
  },
  {
    id: "applied-though-equal",
    breaks: "every pass writes every child",
    file: DECIDE,
    find: '  return paths.length === 0 ? { kind: "unchanged" } : { kind: "update", live, paths, migrate };',
    replace: '  return { kind: "update", live, paths, migrate };',
    killers: [inRunner("a controller on an API server writes nothing after a restart")],
  },
  {
    id: "dropped-field-stays",
    breaks: "a field that is no longer rendered stays on the child after a restart",
    file: "controllers/runtime/apply/stamp.ts",
    find: "  const text = withValues ? JSON.stringify(object) : pathsText(object);\n",
    replace: "  const text = withValues ? JSON.stringify(object) : object.kind;\n",
    killers: [
      inRunner(
        "a controller on an API server removes a field that is no longer rendered, also after a restart",
      ),
    ],
  },
  {
    id: "dying-child-applied",
    breaks: "a child that is being deleted is written to instead of waited for",
    file: DECIDE,
    find: '    return { kind: "wait", why: "is being deleted" };\n',
    replace: '      return { kind: "unchanged" };\n',
    killers: [inSafety("a child that goes is waited for and made anew")],
  },
  {
    id: "dry-run-ignored",
    breaks: "some children are changed although one of them is refused",
    file: APPLY,
    find: "    if (refused !== undefined) return refused;\n",
    replace: "",
    killers: [
      inRunner("refusals dry-runs children of own kinds and writes none if one is refused"),
    ],
  },
  {
    id: "children-of-the-dead",
    breaks: "children are made for an object that is being deleted",
    file: DRIVER,
    find: "    const deleting = live.metadata.deletionTimestamp !== undefined;\n",
    replace:
      "    const deleting = live.metadata.deletionTimestamp !== undefined && this.#steps.spec.finalizer !== undefined;\n",
    killers: [inRunner("objects that change under a pass are not made anew while they go")],
  },
  {
    id: "unsupported-accepted",
    breaks: "a field that is not served is silently ignored",
    file: STEPS,
    find: "    if (first !== undefined) {\n      const also",
    replace: '    if (first === "") {\n      const also',
    killers: [inRunner("refusals unserved input stalls, touches nothing and heals")],
  },
  {
    id: "finalizer-before-children",
    breaks: "the finalizer goes while children are still there",
    file: ENDING,
    find: '    if (verdict.kind === "done" && problem === undefined) {\n',
    replace: '    if (verdict.kind === "done") {\n',
    killers: [inRunner("finalizers waits for children that are still going")],
  },
  {
    id: "finalizer-without-undo",
    breaks: "the finalizer goes before anything was undone",
    file: ENDING,
    find: "    const undone = await this.#undo(pass, verdict, signal);\n",
    replace:
      '    if (verdict.kind === "done") return this.#release(pass, name, signal);\n' +
      "    const undone = await this.#undo(pass, verdict, signal);\n",
    killers: [inSafety("a finalizer takes children along that nobody else collects")],
  },
  {
    id: "finalizer-never-overdue",
    breaks: "an object that cannot go never says why, nor how to let it go",
    file: ENDING,
    find: ">= timeoutMs;",
    replace: ">= Number.POSITIVE_INFINITY;",
    killers: [inRunner("finalizers is overdue after its time, names the annotation, and obeys it")],
  },
  {
    id: "others-finalizers-removed",
    breaks: "removing our finalizer removes those of others",
    file: "controllers/runtime/finalizers/finalizers.ts",
    find: "before.filter((one) => one !== name)",
    replace: "before.filter((one) => one === `not ${name}`)",
    killers: [inRunner("finalizers leaves the finalizers of others alone")],
  },
  {
    id: "predecessor-taken-for-a-stranger",
    breaks: "what the garbage collector has not taken yet stalls the next object of that name",
    file: "controllers/runtime/apply/claim.ts",
    find: "    return sameName\n",
    replace: "    return sameName && uid === controller.uid\n",
    killers: [1, 2, 3].map((seed) =>
      inLateCollection(
        `a garbage collector that is late keeps successors waiting and nothing else, seed ${seed}`,
      ),
    ),
  },
  {
    id: "labels-not-compared",
    breaks: "a label of ours that somebody has changed stays changed; no write ever tells of it",
    file: "controllers/runtime/apply/match.ts",
    find: "  for (const [field, value] of Object.entries(desired)) {\n",
    replace:
      "  for (const [field, value] of Object.entries(desired)) {\n" +
      '    if (field === "labels") continue;\n',
    killers: [44, 66].map((seed) =>
      inSieve(`a run with faults ends as the one without, seed ${seed}`),
    ),
  },
];
