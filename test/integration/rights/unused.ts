// Rights that no flow of this folder uses, each with the reason why it is granted all the same. A
// right that is neither used nor listed here fails the test, and so does an entry without a right.

/** Which part of an operator's rights; see `OperatorRights` of hack/gen/rbac.ts. */
export type Part = "own" | "served" | "cluster";

/** Rights that are granted for what the flows do not do. */
export interface UnusedRights {
  readonly operator: typeof OAAS | typeof RAWSTOR;
  readonly part: Part;
  /** All resources of the part if not given. */
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
  readonly reason: string;
}

const OAAS = "oaas-operator";
const RAWSTOR = "rawstor-operator";
const LIST =
  "a watch that begins with what is there needs no list; an API server that cannot do that, or " +
  "answers 410, gets one (test/integration/faults)";
const NAME =
  "read by name where a create finds an object that no cache shows, or a finalizer has changed " +
  "meanwhile; the flow lostLabel shows it for one kind";
const FINALIZERS =
  "asked for by the admission plugin OwnerReferencesPermissionEnforcement, where it is on, when a " +
  "child with blockOwnerDeletion is applied";
const SERIES = "an Event that is repeated becomes a series (test/integration/runtime)";
const LEASE = "the Lease is read by name when its watch is behind (test/integration/runtime)";
const RESTARTS = "pods are replaced one at a time once their programs answer (test/e2e)";

/** Sorted by operator and part. */
export const UNUSED: readonly UnusedRights[] = [
  { operator: OAAS, part: "cluster", verbs: ["list"], reason: LIST },
  { operator: OAAS, part: "own", verbs: ["list"], reason: LIST },
  { operator: OAAS, part: "own", resources: ["leases"], verbs: ["get"], reason: LEASE },
  {
    operator: OAAS,
    part: "own",
    resources: ["configmaps", "secrets"],
    verbs: ["patch"],
    reason: "certificates that are renewed and routes that change (test/e2e, operators/oaas)",
  },
  {
    operator: OAAS,
    part: "served",
    resources: ["configmaps", "statefulsets"],
    verbs: ["delete"],
    reason: "kinds of children are pruned alike, and a collection never leaves these two out",
  },
  {
    operator: OAAS,
    part: "served",
    resources: ["persistentvolumeclaims"],
    verbs: ["delete"],
    reason: "the claim of a member that was scaled away goes with its pod (test/e2e, Raft)",
  },
  {
    operator: OAAS,
    part: "served",
    resources: ["odgmcollections"],
    verbs: ["delete"],
    reason: "a runtime whose class stops having data prunes its collection; packages make none",
  },
  { operator: OAAS, part: "served", verbs: ["list"], reason: LIST },
  { operator: OAAS, part: "served", verbs: ["get"], reason: NAME },
  {
    operator: OAAS,
    part: "served",
    resources: ["classruntimes/finalizers", "odgmcollections/finalizers", "opackages/finalizers"],
    verbs: ["update"],
    reason: FINALIZERS,
  },
  { operator: OAAS, part: "served", resources: ["events"], verbs: ["patch"], reason: SERIES },
  { operator: OAAS, part: "served", resources: ["pods"], verbs: ["delete"], reason: RESTARTS },
  { operator: RAWSTOR, part: "cluster", verbs: ["get"], reason: NAME },
  { operator: RAWSTOR, part: "cluster", verbs: ["list"], reason: LIST },
  {
    operator: RAWSTOR,
    part: "cluster",
    resources: ["osttargets/finalizers"],
    verbs: ["update"],
    reason: FINALIZERS,
  },
  { operator: RAWSTOR, part: "own", verbs: ["get"], reason: NAME },
  { operator: RAWSTOR, part: "own", verbs: ["list"], reason: LIST },
  {
    operator: RAWSTOR,
    part: "own",
    resources: ["configmaps"],
    verbs: ["delete"],
    reason: "kinds of children are pruned alike, and the identity record outlives its target",
  },
  { operator: RAWSTOR, part: "own", resources: ["pods"], verbs: ["delete"], reason: RESTARTS },
  { operator: RAWSTOR, part: "served", verbs: ["list"], reason: LIST },
  { operator: RAWSTOR, part: "served", resources: ["events"], verbs: ["patch"], reason: SERIES },
];
