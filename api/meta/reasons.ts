// Reasons of conditions and Events. One word, one meaning, for every kind; tools may rely on them.

/** All reasons. */
export const REASONS = {
  // Well.
  Available: "Available",
  Succeeded: "Succeeded",
  Disabled: "Disabled",
  Suspended: "Suspended",
  // Under way.
  Progressing: "Progressing",
  Pending: "Pending",
  WaitingForDependency: "WaitingForDependency",
  WaitingForChildren: "WaitingForChildren",
  WaitingForPods: "WaitingForPods",
  WaitingForData: "WaitingForData",
  Formatting: "Formatting",
  Moving: "Moving",
  Draining: "Draining",
  Deleting: "Deleting",
  Resyncing: "Resyncing",
  // Refused until somebody edits the object.
  Invalid: "Invalid",
  Unsupported: "Unsupported",
  NameConflict: "NameConflict",
  ClassNameConflict: "ClassNameConflict",
  ChildRefused: "ChildRefused",
  ChildStalled: "ChildStalled",
  DependencyCycle: "DependencyCycle",
  UnknownReference: "UnknownReference",
  InUse: "InUse",
  // Workload trouble, as the kubelet and the controllers of Kubernetes report it.
  ImagePullFailed: "ImagePullFailed",
  CrashLooping: "CrashLooping",
  Unschedulable: "Unschedulable",
  ConfigError: "ConfigError",
  QuotaExceeded: "QuotaExceeded",
  PodSecurityViolation: "PodSecurityViolation",
  PodsRejected: "PodsRejected",
  ProgressDeadlineExceeded: "ProgressDeadlineExceeded",
  // Data trouble.
  IdentityLost: "IdentityLost",
  StorageFull: "StorageFull",
  StoreSuspect: "StoreSuspect",
  ClockSkew: "ClockSkew",
  Degraded: "Degraded",
  Lost: "Lost",
  WrongDisk: "WrongDisk",
  EmptyDisk: "EmptyDisk",
  DiskLocked: "DiskLocked",
  DiskFailed: "DiskFailed",
  // Elsewhere.
  Unreachable: "Unreachable",
  Forbidden: "Forbidden",
  NotFound: "NotFound",
  OperatorMissing: "OperatorMissing",
  OperatorTooOld: "OperatorTooOld",
  CleanupTimedOut: "CleanupTimedOut",
  // Measurements.
  NoData: "NoData",
  Observed: "Observed",
  Met: "Met",
  NotMet: "NotMet",
  // Of Events only.
  Applied: "Applied",
  Reverted: "Reverted",
  Pruned: "Pruned",
  ApplyFailed: "ApplyFailed",
  NfrApplied: "NfrApplied",
  DataRetained: "DataRetained",
  DataDeleted: "DataDeleted",
} as const;

/** Any reason. */
export type Reason = (typeof REASONS)[keyof typeof REASONS];
