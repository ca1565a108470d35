// Condition types of all kinds. Ready, Reconciling and Stalled follow kstatus: Stalled=True is a
// terminal failure until somebody edits something, Reconciling=True is work under way, both are
// absent otherwise. Source: sigs.k8s.io/cli-utils pkg/kstatus/status.

/** The summary that every object carries. */
export const READY = "Ready";
/** True while work goes on; absent otherwise. */
export const RECONCILING = "Reconciling";
/** True if nothing will happen until somebody changes something; absent otherwise. */
export const STALLED = "Stalled";

/** OPackage: the document is consistent in itself and with what it refers to. */
export const VALID = "Valid";
/** OPackage: every deployment has a plan. */
export const PLANNED = "Planned";
/** OPackage: every deployment runs as planned. */
export const DEPLOYED = "Deployed";

/** ClassRuntime: every function has its pods. */
export const FUNCTIONS_READY = "FunctionsReady";
/** ClassRuntime, OdgmCollection: every partition serves. */
export const DATA_READY = "DataReady";
/** ClassRuntime: measurements are there and recent. */
export const NFR_OBSERVED = "NfrObserved";
/** ClassRuntime: what was measured meets what was required. */
export const NFR_MET = "NfrMet";

/** OdgmCollection: every partition has all its replicas. */
export const FULLY_REPLICATED = "FullyReplicated";
/** OdgmCollection: partitions or slots are moving. */
export const REBALANCING = "Rebalancing";

/** Environment: its API server answers. */
export const REACHABLE = "Reachable";
/** Environment: an operator of a known version works there. */
export const OPERATOR_READY = "OperatorReady";

/** OstTarget: the disk is ours and answers without errors. */
export const DISK_HEALTHY = "DiskHealthy";
/** OstTarget: the metadata servers know it. */
export const REGISTERED = "Registered";
/** OstTarget: nothing is left on it. */
export const DRAINED = "Drained";

/** RawstorVolume: its chunks exist. */
export const ALLOCATED = "Allocated";
/** RawstorVolume: every chunk has all its copies. */
export const REDUNDANT = "Redundant";
/** RawstorVolume: its exports answer. */
export const EXPORTED = "Exported";
