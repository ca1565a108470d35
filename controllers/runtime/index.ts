// Public face of the operator framework. See README.md for a worked example.
export { KINDS } from "./kinds/builtin.ts";
export {
  defineKind,
  describeObject,
  isOfKind,
  keyOf,
  keyText,
  kindId,
  parseKey,
} from "./kinds/kind.ts";
export type { Kind, KubeObject, Live, LiveObject, ObjectKey } from "./kinds/kind.ts";
export { child, defineController, index, watch } from "./controller/types.ts";
export type {
  AnyController,
  Change,
  ChangeSet,
  Child,
  ChildKind,
  ConditionDraft,
  Controller,
  EventDraft,
  Finalization,
  Finalizer,
  Index,
  ListFilter,
  Matters,
  Outcome,
  PermissionRule,
  PolicyChild,
  Reader,
  Refusal,
  RemoteView,
  Rendered,
  Source,
  StatusDraft,
  WatchedKind,
} from "./controller/types.ts";
export {
  CLUSTER_UID_PERMISSIONS,
  EVENT_PERMISSIONS,
  leasePermissions,
  requiredPermissions,
} from "./controller/permissions.ts";
export { findUnsupported } from "./fields/unsupported.ts";
export type { FieldTable } from "./fields/unsupported.ts";
export { SERVICE_ACCOUNT_DIR } from "./client/config.ts";
export type {
  ClusterConfig,
  InClusterConfig,
  InlineConfig,
  KubeconfigFile,
} from "./client/config.ts";
export type {
  ApiRequest,
  ApiResponse,
  Transport,
  WatchLine,
  WatchResponse,
} from "./client/transport.ts";
export type { LeaderElectionOptions, ManagerOptions } from "./lifecycle/options.ts";
export { createJsonLogger } from "./lifecycle/json-logger.ts";
export type { LogLevel } from "./lifecycle/json-logger.ts";
export { backoffMs, sleep, systemClock, systemRng, systemTimers } from "./base/timers.ts";
export type { CancelTimer, Timers, World } from "./base/timers.ts";
export { Client } from "./client/client.ts";
export type {
  ApplyOptions,
  Deleted,
  DeleteOptions,
  JsonPatchOperation,
  ListOptions,
  ManagedFields,
  ManagedFieldsEntry,
} from "./client/client.ts";
export { deleteExactly } from "./client/delete-exactly.ts";
export type { ExactObject } from "./client/delete-exactly.ts";
export { useOf } from "./client/request-use.ts";
export type { ResourceUse } from "./client/request-use.ts";
export {
  ApiError,
  CircuitOpenError,
  isStatus,
  NotLeaderError,
  TransportError,
} from "./client/errors.ts";
export type { KubeErrorCode, StatusCause } from "./client/errors.ts";
export type { RequestLogEntry } from "./client/request-log.ts";
export type { InformerRequest } from "./cache/informers.ts";
export type { StoreChange } from "./cache/store.ts";
export { computeKstatus } from "./conditions/kstatus.ts";
export type { KStatus } from "./conditions/kstatus.ts";
export { lintStatus, lintStatusWrite } from "./conditions/lint.ts";
export type { WithStatus } from "./conditions/lint.ts";
export { planChanges } from "./plan/plan.ts";
export type { PlanOptions } from "./plan/plan.ts";
export { clusterState, readOnlyTransport, snapshotState } from "./plan/live-state.ts";
export type { LiveState } from "./plan/live-state.ts";
export { printPlan } from "./plan/print.ts";
export type {
  PlannedCalls,
  PlannedChange,
  PlannedField,
  PlannedObject,
  PlannedRefusal,
  PlannedWait,
  PlanResult,
} from "./plan/types.ts";
export { Manager } from "./lifecycle/operator-process.ts";
export type { CacheView, Runnable } from "./lifecycle/operator-process.ts";
export { Cluster, Clusters } from "./lifecycle/cluster.ts";
export { shardFilter, shardLeaseName, shardOf } from "./lifecycle/shard.ts";
export type { ShardOptions } from "./lifecycle/shard.ts";
export { stampNames } from "./apply/stamp.ts";
export type { StampNames } from "./apply/stamp.ts";
export { readClusterUid } from "./lifecycle/cluster-uid.ts";
export {
  addOperatorFlags,
  addShardFlags,
  clusterConfigOf,
  parseListen,
  shardOfFlags,
} from "./lifecycle/flags.ts";
export type { Environment, ListenAddress, OperatorFlags, ShardFlags } from "./lifecycle/flags.ts";
export { runOperator } from "./lifecycle/run-operator.ts";
export type { CommonOptions, OperatorParts } from "./lifecycle/run-operator.ts";
