// Bugs in our own controllers: data that is taken for something else comes first.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const COLLECTION = "controllers/odgm-collection/plan/plan.ts";
const MEMBERS = "controllers/odgm-collection/plan/members.ts";
const META = "controllers/odgm-collection/plan/meta.ts";
const RESTART = "controllers/odgm-collection/plan/restart.ts";
const ASSIGNMENT = "controllers/odgm-collection/plan/assignment.ts";
const TARGET = "controllers/ost-target/plan/plan.ts";
const inCollection = testsOf("controllers/odgm-collection/plan/plan.test.ts");
const inAssignment = testsOf("controllers/odgm-collection/plan/assignment.test.ts");
const inTarget = testsOf("controllers/ost-target/plan/plan.test.ts");
const inFinalize = testsOf("controllers/ost-target/plan/finalize.test.ts");
const inTargetWhole = testsOf("controllers/ost-target/reconcile.test.ts");
const inRuntime = testsOf("controllers/class-runtime/plan.test.ts");
const inRuntimeRender = testsOf("controllers/class-runtime/render.test.ts");
const inPackage = testsOf("controllers/opackage/reconcile.test.ts");
const inPackageRender = testsOf("controllers/opackage/render.test.ts");
const inEnvironment = testsOf("controllers/environment/status.test.ts");

/** Collections, targets, runtimes, packages. */
export const KIND_MUTANTS: readonly Mutant[] = [
  {
    id: "format-without-intent",
    breaks: "an empty store is formatted although nothing on record says that it may be",
    file: MEMBERS,
    find: '  if (known === undefined || known.kind === "evacuated") return { record: { kind: "intent" } };\n  if (known.kind === "intent") {\n',
    replace: '  if (known === undefined || known.kind !== "formatted") {\n',
    killers: [inCollection("bring-up records the intent before it formats")],
  },
  {
    id: "lost-disk-formatted",
    breaks: "a replaced disk of a member that held data is taken for a new one",
    file: MEMBERS,
    find: "  if (accepted === known.incarnation || isReplaceable(",
    replace: "  if (accepted === undefined || isReplaceable(",
    killers: [
      inCollection(
        "data is never taken for something else does not format an empty store that held data, and names the way out",
      ),
    ],
  },
  {
    id: "any-loss-accepted",
    breaks: "accepting the loss of one incarnation accepts the loss of any",
    file: MEMBERS,
    find: "  if (accepted === known.incarnation || isReplaceable(",
    replace: "  if (accepted !== undefined || isReplaceable(",
    killers: [
      inCollection(
        "data is never taken for something else starts it empty only if that very loss was accepted",
      ),
    ],
  },
  {
    id: "foreign-store-taken",
    breaks: "a store of another collection is served as if it were this one's",
    file: MEMBERS,
    find: "      if (status.identity !== record.identity) {\n",
    replace: '      if (status.identity === "") {\n',
    killers: [
      inCollection("data is never taken for something else reports another identity as WrongDisk"),
    ],
  },
  {
    id: "restarts-together",
    breaks: "a new image restarts a serving pod while another one is not back yet",
    file: RESTART,
    find: " || !observed.pods.every(serves)",
    replace: "",
    killers: [inCollection("restarts take one serving pod, and only while all others serve")],
  },
  {
    id: "volume-not-retained",
    breaks: "under Retain the volumes go with their claims",
    file: COLLECTION,
    find: '      if (volume.reclaimPolicy === "Retain") return [];\n',
    replace: '      if (volume.reclaimPolicy !== "Recycle") return [];\n',
    killers: [inCollection("volumes outlive their claims under Retain")],
  },
  {
    id: "proposed-by-hearsay",
    breaks: "a first generation is proposed although the voter has one that it cannot tell now",
    file: META,
    find: "  if (committed === undefined || leader === undefined) return { ...NOTHING, committed };\n",
    replace:
      "  if (leader === undefined) return { ...NOTHING, committed };\n  if (committed === undefined) return { ...NOTHING, isNew: true, target: leader.target };\n",
    killers: [
      inCollection("bring-up proposes nothing to a voter that has committed what it does not tell"),
    ],
  },
  {
    id: "owner-leaves",
    breaks: "scaling down takes a member away that holds partitions",
    file: ASSIGNMENT,
    find: '  if (wanted.shardType !== "Raft" && leaving.length > 0) {\n',
    replace: '  if (wanted.shardType !== "Raft" && leaving.length > owners.length) {\n',
    killers: [
      inCollection("nodes below an owner: refused at spec.nodes, with the least that is allowed"),
    ],
  },
  {
    id: "data-replaced-unasked",
    breaks: "partitions move to a new store although the loss of the old one was not accepted",
    file: ASSIGNMENT,
    find: "      owner.incarnation !== wanted.acceptedLoss &&\n",
    replace: '      owner.incarnation === "" &&\n',
    killers: [
      inAssignment(
        "a store that is another one does not take the place of one that holds partitions",
      ),
    ],
  },
  {
    id: "target-formats-unrecorded",
    breaks: "a disk is formatted before the intent is on record",
    file: TARGET,
    find: "  const intended = stored !== undefined && stored.incarnation === undefined;\n",
    replace: "  const intended = stored?.incarnation === undefined;\n",
    killers: [inTarget("formatting is intended on record before it is allowed")],
  },
  {
    id: "target-formats-again",
    breaks: "a blank disk is formatted in the place of one that was registered",
    file: TARGET,
    find: "  const intended = stored !== undefined && stored.incarnation === undefined;\n",
    replace: "  const intended = stored !== undefined;\n",
    killers: [inTarget("formatting is forbidden once the incarnation is on record")],
  },
  {
    id: "foreign-disk-served",
    breaks: "the disk of another cluster is served",
    file: TARGET,
    find: " || cluster !== defaults.clusterUid) {",
    replace: ") {",
    killers: [inTarget("another disk of another cluster is WrongDisk and changes no record")],
  },
  {
    id: "path-prefix-as-text",
    breaks: "a folder beside the allowed one is given to a target",
    file: TARGET,
    find: 'prefix.endsWith("/") ? prefix : `${prefix}/`',
    replace: "prefix",
    killers: [inTarget("paths /var/lib/rawstor/disks-else/a is refused by field")],
  },
  {
    id: "target-goes-with-objects",
    breaks: "a target is let go although objects are on its disk",
    file: "controllers/ost-target/plan/finalize.ts",
    find: "  if (isClosed && objects === 0) return done;\n",
    replace: "  if (isClosed) return done;\n",
    killers: [
      inFinalize("a target waits, naming the way out, while some are left"),
      inTargetWhole(
        "a target that is deleted waits while objects are on it; without them it goes and only the record stays",
      ),
    ],
  },
  {
    id: "target-goes-on-an-old-count",
    breaks: "a target is let go on a count of its objects from when new ones were still taken",
    file: "controllers/ost-target/plan/finalize.ts",
    find: "  if (isClosed && objects === 0) return done;\n",
    replace: "  if (objects === 0) return done;\n",
    killers: [
      inFinalize("a target waits, naming the way out, while objects may still come"),
      inTargetWhole(
        "a target that is deleted waits until its program has taken the order to take nothing new, and is counted after",
      ),
    ],
  },
  {
    id: "targets-restart-together",
    breaks: "two targets restart at the same time",
    file: TARGET,
    find: "  if (pod.ready && !pod.mayFormat && othersDown.length > 0) return [];\n",
    replace: "",
    killers: [inTarget("restarts a new template, another one is down")],
  },
  {
    id: "newcomer-takes-class",
    breaks: "a newer runtime takes the class away from the one that serves it",
    file: "controllers/class-runtime/plan/claim.ts",
    find: 'compareText(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||',
    replace:
      'compareText(b.metadata.creationTimestamp ?? "", a.metadata.creationTimestamp ?? "") ||',
    killers: [inRuntime("the first claimant is the oldest")],
  },
  {
    id: "missing-environment-prunes",
    breaks: "a runtime whose environment is gone counts as disabled, and its pods go",
    file: "controllers/class-runtime/plan.ts",
    find: '  if (observed.environment.kind === "missing") {\n',
    replace: '  if (observed.environment.kind === "missing" && spec.class === "") {\n',
    killers: [inRuntime("a runtime waits for its environment, which may still come")],
  },
  {
    id: "plan-lowers-data-nodes",
    breaks: "a changed plan takes data pods away that nobody asked to remove",
    file: "controllers/class-runtime/plan.ts",
    find: "spec.collection?.nodes ?? Math.max(planned, remembered)",
    replace: "spec.collection?.nodes ?? planned",
    killers: [inRuntimeRender("data pods are never lowered by a plan, only by an explicit number")],
  },
  {
    id: "autoscaler-fought",
    breaks: "the controller resets the count that an autoscaler has chosen",
    file: "controllers/class-runtime/render.ts",
    find: "    hasAutoscaler: observed.autoscaled.has(deploymentName),\n",
    replace: "    hasAutoscaler: false,\n",
    killers: [inPackage("drift of the count is left alone once an autoscaler is at work")],
  },
  {
    id: "package-in-use-goes",
    breaks: "a package on which others depend goes at once and takes their base away",
    file: "controllers/opackage/reconcile.ts",
    find: '        if (users.length === 0) return { kind: "done" };\n',
    replace: '        if (users.length >= 0) return { kind: "done" };\n',
    killers: [
      inPackage(
        "packages that depend on each other one that is used keeps serving until it is let go",
      ),
    ],
  },
  {
    id: "suspended-package-touched",
    breaks: "a suspended package is reconciled all the same",
    file: "controllers/opackage/plan.ts",
    find: "    halt: haltOf(problems, missing, spec.suspend === true),\n",
    replace: "    halt: haltOf(problems, missing, false),\n",
    killers: [inPackageRender("render touches nothing while suspended or refused")],
  },
  {
    id: "cordoned-nodes-counted",
    breaks: "nodes that take no pods count as free for pods",
    file: "controllers/environment/status.ts",
    find: "  if (node.spec?.unschedulable === true) return false;\n",
    replace: "",
    killers: [
      inEnvironment(
        "status of an Environment counts what pods may have: nodes that are ready and not cordoned",
      ),
    ],
  },
];
