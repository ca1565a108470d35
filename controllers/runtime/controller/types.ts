// What a controller declares. A controller is data and six small functions; it never sees an
// event, a client, a resourceVersion or a condition's time. The driver (`reconcile.ts` in this
// folder) calls the functions in order and holds the whole retry policy.
//
//   observe -> plan -> render -> [applySet] -> act -> observe again if something was written
//           -> computeStatus -> [status writer]
//
// Types are structural on purpose: pure files (`render.ts`, `plan.ts`, `status.ts`,
// `permissions.ts`, `fields.ts`) cannot import this folder and need not.

import type { FieldTable } from "../fields/unsupported.ts";
import type { Kind, KubeObject, Live, LiveObject, ObjectKey } from "../kinds/kind.ts";

/** Cache lookups, never a call; an object is at least as new as our own last write of it. */
export interface Reader {
  /** The object, or undefined. Kinds must be declared by the controller; others are a bug. */
  get<T extends object>(kind: Kind<T>, key: ObjectKey): Live<T> | undefined;
  /** Objects of a kind, sorted by namespace and name. */
  list<T extends object>(kind: Kind<T>, filter?: ListFilter): readonly Live<T>[];
  /** Objects of a kind that carry this inventory label, whoever made them, sorted likewise. */
  owned<T extends object>(kind: Kind<T>, ownerUid: string): readonly Live<T>[];
  /**
   * What is cached of a cluster beside the manager's own: the child kinds that are declared with
   * `clusters: "Any"`. Undefined if no such cluster was added. While it is not `reachable`, the
   * caches show what was last seen there, or nothing yet.
   */
  cluster(name: string): RemoteView | undefined;
  /** Aborted at the reconcile timeout and when the manager stops; hand it to every port call. */
  readonly signal: AbortSignal;
}

/** See {@link Reader.cluster}. */
export interface RemoteView {
  readonly reader: Pick<Reader, "get" | "list" | "owned">;
  readonly reachable: boolean;
}

/** Which objects {@link Reader.list} returns; all parts must hold. */
export interface ListFilter {
  /** Only this namespace. */
  readonly namespace?: string;
  /** Labels that must all be there with these values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** A declared index and the value to look up. */
  readonly index?: { readonly name: string; readonly value: string };
}

/** Names values under which an object is found again by {@link ListFilter.index}. Pure. */
export interface Index<T extends object = object> {
  readonly kind: Kind<T>;
  /** Unique per kind. Declaring the same index twice is allowed if both mean the same. */
  readonly name: string;
  readonly values: (object: Live<T>) => readonly string[];
}

/** A rule of RBAC, with the scope it needs. `scope` defaults to Namespace. */
export interface PermissionRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  /** Cluster: also needed in a ClusterRole when the operator is limited to namespaces. */
  readonly scope?: "Namespace" | "Cluster";
  /** Only in these namespaces, whatever the operator watches otherwise. */
  readonly namespaces?: readonly string[];
  /** Why, where it does not follow from what is declared. */
  readonly reason?: string;
}

/**
 * A desired child. A plain object is owned (ownerReference and inventory label), pruned when it is
 * no longer rendered, and collected with its parent.
 */
export type Child = KubeObject | PolicyChild;

/** A desired child that is not owned in the usual way. */
export interface PolicyChild {
  readonly object: KubeObject;
  /**
   * `Reference` (default): ownerReference and inventory label; goes with the parent. `Label`:
   * inventory label only; stays when the parent goes, unless the controller's finalizer says
   * otherwise. Where an ownerReference cannot be (a child in another namespace or cluster, a
   * cluster-scoped child of a namespaced parent) the default holds all the same: such children get
   * the label only, the parent gets a finalizer, and the framework deletes them before it goes.
   */
  readonly ownership?: "Reference" | "Label";
  /**
   * `Delete` (default): deleted when it is no longer rendered. `Keep`: never deleted by us; this
   * is recorded on the object, so that it holds when the child is no longer rendered and when a
   * later parent of the same name takes the child over.
   */
  readonly prune?: "Delete" | "Keep";
  /** True: an existing object of this name without any owner of ours is taken over. */
  readonly adopt?: boolean;
  /**
   * The cluster that it lives in, by the name under which it was added to the manager; its kind is
   * declared with `clusters: "Any"`. The manager's own if not given.
   */
  readonly cluster?: string;
  /**
   * This parent gives the object away: it stays as it is, but belongs to that object of the same
   * group from now on, which takes it over when it renders it. Rendered until that has happened;
   * then it may be left out. Never creates anything.
   */
  readonly handOver?: {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
  };
}

/** The input cannot be served. Nothing is written or pruned; `Stalled` with this reason. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** Path of the field at fault in the user's document; put before the message. */
  readonly path?: string;
}

/** What `render` answers: everything that shall exist, or why nothing is to be touched. */
export type Rendered =
  | readonly Child[]
  | { readonly refused: Refusal }
  /** Nothing is touched and this is no error: suspended, or waiting for a dependency. */
  | { readonly held: { readonly reason: string; readonly message: string } };

/** What happened to one child. */
export interface Change {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /**
   * `Reverted` is `Configured` where our own desired state had not changed: somebody else had
   * touched a field of ours. `Kept` is a child that left the set but may not be deleted.
   */
  readonly action: "Created" | "Configured" | "Reverted" | "Unchanged" | "Deleted" | "Kept";
  /** Of `Created`: we had made it before, and somebody has deleted it. */
  readonly again?: boolean;
  /** Not given for the manager's own cluster. */
  readonly cluster?: string;
  /** Paths that differed, without values, at most 16. */
  readonly paths?: readonly string[];
}

/** What `applySet` did, in the order in which it was done. */
export interface ChangeSet {
  readonly changes: readonly Change[];
  /** True if anything was written. */
  readonly changed: boolean;
  /** True if every child was applied and pruning was done. */
  readonly complete: boolean;
}

/** How this pass went, for `computeStatus`. */
export type Outcome =
  /** The whole desired set is in place and every call of the plan returned. */
  | { readonly kind: "applied"; readonly changeSet: ChangeSet }
  /** The input cannot be served; the driver adds `Ready=False` and `Stalled=True`. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** `render` answered `held`. */
  | { readonly kind: "held"; readonly reason: string; readonly message: string }
  /** A write or a call failed and will be tried again; the driver adds `Reconciling=True`. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly message: string;
      readonly changeSet: ChangeSet;
    }
  /** The object is being deleted and its finalizer is at work. */
  | {
      readonly kind: "finalizing";
      readonly reason: string;
      readonly message: string;
      /** True once the finalizer's time is over; the driver adds `Stalled=True`. */
      readonly overdue: boolean;
    };

/** A condition as a controller states it; time and generation are added by the status writer. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** CamelCase, never empty. */
  readonly reason: string;
  readonly message: string;
}

/** An Event that is worth telling besides the changes of conditions, which are told anyway. */
export interface EventDraft {
  readonly type: "Normal" | "Warning";
  /** CamelCase. */
  readonly reason: string;
  /** UpperCamelCase verb of what was done, as events.k8s.io wants it; `Reconcile` if not given. */
  readonly action?: string;
  readonly message: string;
}

/**
 * The whole status. `fields` is everything but `observedGeneration` and `conditions`; a field that
 * is left out vanishes. `conditions` must hold `Ready`; `Reconciling` and `Stalled` are dropped by
 * the writer unless True.
 */
export interface StatusDraft<Fields extends object = object> {
  readonly fields: Fields;
  readonly conditions: readonly ConditionDraft[];
  readonly events?: readonly EventDraft[];
}

/**
 * Whether a change is worth a pass; for kinds that change more often than a controller has any use
 * for. Objects that come or go, and edits of the controller's own objects, always are. Pure.
 */
export type Matters<T extends object = object> = (object: Live<T>, previous: Live<T>) => boolean;

/** A kind that the controller renders. Only kinds listed here are pruned. */
export interface ChildKind {
  readonly kind: Kind;
  /** True for kinds of our own: children are dry-run before a changed apply. */
  readonly dryRun?: boolean;
  /** True: only metadata is cached (Secrets). Matching then rests on what we applied. */
  readonly metadataOnly?: boolean;
  /** Children of this kind are in these namespaces only, and watched only there. */
  readonly namespaces?: readonly string[];
  /**
   * `Any`: children of this kind may also be in clusters beside the manager's own
   * ({@link PolicyChild.cluster}), where they are watched likewise. `Own` if not given.
   */
  readonly clusters?: "Own" | "Any";
  /** Every change does if not given; see {@link child}. */
  readonly matters?: Matters<never>;
}

/** A kind that the controller reads besides its own and its children, and whom a change wakes. */
export interface WatchedKind<T extends object = object> {
  readonly kind: Kind<T>;
  /** Narrows the watch; also narrows what `Reader` sees of this kind. */
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
  /** Narrows the watch by what the server lets select (`metadata.name`, CRDs' selectableFields). */
  readonly fieldSelector?: string;
  /** What is kept in memory; a pure function that leaves identity and labels as they are. */
  readonly transform?: (object: Live) => Live;
  /** Watched in these namespaces only, whatever the manager watches otherwise. */
  readonly namespaces?: readonly string[];
  /** Keys of the controller's own kind to reconcile when this object changes or goes. */
  readonly wakes?: (object: Live<T>, reader: Reader) => readonly ObjectKey[];
  /** Every change does if not given. */
  readonly matters?: Matters<T>;
}

/** Something outside Kubernetes that wakes objects: a stream, a file, a timer of the operator. */
export interface Source {
  /** Begins; returns how to end. Called once on the leader, after the caches are filled. */
  start(wake: (key: ObjectKey) => void): () => void;
}

/** What a finalizer has to say about an object that is being deleted. */
export type Finalization<Call> =
  /** All is undone. With `children: []` every pruneable child is deleted first and awaited. */
  | { readonly kind: "done"; readonly children?: readonly Child[] }
  | {
      readonly kind: "waiting";
      readonly reason: string;
      readonly message: string;
      /** Calls outside Kubernetes, idempotent. */
      readonly calls?: readonly Call[];
      /** The children that shall exist meanwhile; left alone if not given. */
      readonly children?: readonly Child[];
      /** When to look again if nothing wakes the object; 10 s if not given. */
      readonly requeueAfterMs?: number;
    };

/** Undoes what the garbage collector cannot reach. */
export interface Finalizer<Observed, Call, Defaults> {
  /** Qualified name, such as `example.io/volume`. */
  readonly name: string;
  /** Whether this object needs it; re-judged on every pass, always true if not given. */
  readonly needed?: (observed: Observed) => boolean;
  readonly finalize: (observed: Observed, now: Date, defaults: Defaults) => Finalization<Call>;
  /** After this long in deletion the object is `Stalled`, naming the annotation. */
  readonly timeoutMs: number;
  /** Annotation that a user sets to `"true"` to let the object go undone. */
  readonly escapeAnnotation: string;
}

/**
 * A controller. All functions but `observe`, `act` and `Source.start` are pure; none keeps state.
 * Type parameters: the kind's object, what is observed, what is planned, status without conditions,
 * one call outside Kubernetes, the port to there, the operator's settings.
 */
export interface Controller<
  T extends object,
  Observed,
  Plan,
  Fields extends object,
  Call = never,
  Port = undefined,
  Defaults = undefined,
> {
  /** Name in metrics, logs and Events: lower-case with dashes. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** Field manager of the children; status uses `<fieldManager>-status`. One per controller. */
  readonly fieldManager: string;
  /**
   * Field managers that this one has replaced: older versions under another name, or tools that
   * wrote by update. Their fields are taken over, so that what is no longer desired can be removed.
   * For status, name the manager that wrote it.
   */
  readonly formerManagers?: readonly string[];
  readonly children: readonly ChildKind[];
  /** Of changes of the controller's own objects that are no edits; every one if not given. */
  readonly matters?: Matters<T>;
  readonly watches?: readonly WatchedKind<never>[];
  readonly indexes?: readonly Index<never>[];
  readonly sources?: readonly Source[];
  /** What ports do in Kubernetes. The rest follows from what is declared: `requiredPermissions`. */
  readonly permissions: readonly PermissionRule[];
  /** Fields of spec that are served. Anything else that is set is refused as `Unsupported`. */
  readonly served?: FieldTable;
  /** Handed to `observe` and `act`. */
  readonly port: Port;
  /** Handed to `plan`, `render` and `finalize`. */
  readonly defaults: Defaults;
  /** Objects reconciled at the same time, never the same one twice; 4 if not given. */
  readonly concurrency?: number;
  /** Limit of one pass; 60,000 if not given. */
  readonly timeoutMs?: number;
  /** False: runs on every replica and not only on the leader. Such a controller must not write. */
  readonly leaderOnly?: boolean;

  /** All reads, nothing else. Undefined if there is nothing to do for this key. May be async. */
  observe(
    key: ObjectKey,
    reader: Reader,
    port: Port,
  ): Observed | undefined | Promise<Observed | undefined>;
  /** What happens next. Pure. */
  plan(observed: Observed, now: Date, defaults: Defaults): Plan;
  /** Everything that shall exist, complete, in the order of creation. Pure and repeatable. */
  render(observed: Observed, plan: Plan, defaults: Defaults): Rendered;
  /**
   * The API server's refusal of a child, told in the words of the user's own document. Pure; told
   * as it is if not given.
   */
  explain?(observed: Observed, plan: Plan, refusal: Refusal): Refusal;
  /** The calls outside Kubernetes that the plan wants now. Pure; none if not given. */
  calls?(plan: Plan): readonly Call[];
  /** Makes these calls in order. Each is idempotent; results come back through `observe` only. */
  act?(calls: readonly Call[], port: Port, signal: AbortSignal): Promise<void>;
  /** What was seen, never what was just asked for. Pure. */
  computeStatus(observed: Observed, plan: Plan, outcome: Outcome, now: Date): StatusDraft<Fields>;
  /** When to look again though nothing changes. Pure; never if not given or undefined. */
  requeueAfterMs?(observed: Observed, plan: Plan, now: Date): number | undefined;
  readonly finalizer?: Finalizer<Observed, Call, Defaults>;
}

/** Any controller, as the manager holds it. Made by {@link defineController}. */
export interface AnyController {
  readonly name: string;
  readonly kind: Kind;
  readonly fieldManager: string;
  readonly children: readonly ChildKind[];
  readonly permissions: readonly PermissionRule[];
  /** The controller with its types hidden; only the driver looks inside. */
  readonly spec: Controller<object, unknown, unknown, object, unknown, unknown, unknown>;
}

/** Checks the declaration and hides its type parameters, so that a manager can hold a list. */
export function defineController<
  T extends object,
  Observed,
  Plan,
  Fields extends object,
  Call,
  Port,
  Defaults,
>(controller: Controller<T, Observed, Plan, Fields, Call, Port, Defaults>): AnyController {
  return {
    name: controller.name,
    kind: controller.kind,
    fieldManager: controller.fieldManager,
    children: controller.children,
    permissions: controller.permissions,
    // The driver hands each function only what another function of the same controller returned.
    spec: controller as unknown as AnyController["spec"],
  };
}

/** Lets a list of watches with different object types stand in {@link Controller.watches}. */
export function watch<T extends object>(watched: WatchedKind<T>): WatchedKind<never> {
  // The driver calls `wakes` only with objects of `watched.kind`.
  return watched as unknown as WatchedKind<never>;
}

/** Declares a child kind whose changes are judged by the type of its objects. */
export function child<T extends object>(
  declared: Omit<ChildKind, "kind" | "matters"> & {
    readonly kind: Kind<T>;
    readonly matters: Matters<T>;
  },
): ChildKind {
  // The runner calls `matters` only with objects of `declared.kind`.
  return declared;
}

/** Lets a list of indexes with different object types stand in {@link Controller.indexes}. */
export function index<T extends object>(declared: Index<T>): Index<never> {
  // The store calls `values` only with objects of `declared.kind`.
  return declared as unknown as Index<never>;
}

export type { LiveObject };
