// Upstream's words and ours. Java writes UPPER_CASE, oaas-rs both; readers ignore case.

import type {
  Access,
  Consistency,
  EnforcementDimension,
  EnforcementMode,
  FunctionState,
  FunctionType,
  ImagePullPolicy,
  KeyType,
  LogLevel,
  ShardType,
  StateType,
  StorageProvider,
  Template,
} from "../oaas/v1alpha1/index.ts";

/** OClass.stateType. */
export const STATE_TYPES: Readonly<Record<string, StateType>> = {
  NORMAL: "Normal",
  COLLECTION: "Collection",
  SINGLETON: "Singleton",
};

/** ConsistencyModel. */
export const CONSISTENCIES: Readonly<Record<string, Consistency>> = {
  NONE: "None",
  READ_YOUR_WRITE: "ReadYourWrites",
  BOUNDED_STALENESS: "BoundedStaleness",
  STRONG: "Strong",
};

/** FunctionAccessModifier. */
export const ACCESSES: Readonly<Record<string, Access>> = {
  PUBLIC: "Public",
  INTERNAL: "Internal",
  PRIVATE: "Private",
};

/** WASM is known and refused by its reader. */
export const FUNCTION_TYPES: Readonly<Record<string, FunctionType | "Wasm">> = {
  TASK: "Task",
  CUSTOM: "Task",
  BUILTIN: "Builtin",
  MACRO: "Macro",
  LOGICAL: "Logical",
  WASM: "Wasm",
};

/** OFunction.state. */
export const FUNCTION_STATES: Readonly<Record<string, FunctionState>> = {
  ENABLED: "Enabled",
  DISABLED: "Disabled",
  FROZEN: "Frozen",
};

/** KeySpecification.type. */
export const KEY_TYPES: Readonly<Record<string, KeyType>> = {
  STRING: "String",
  INTEGER: "Integer",
  DOUBLE: "Double",
  BOOLEAN: "Boolean",
  BYTES: "Bytes",
  JSON: "Json",
  COUNTER: "Counter",
  MAP: "Map",
  CRDT_MAP: "CrdtMap",
  FILE: "File",
};

/** StateSpecification.defaultProvider. */
export const STORAGE_PROVIDERS: Readonly<Record<string, StorageProvider>> = {
  MEMORY: "Memory",
  PERSISTENT: "Volume",
  VOLUME: "Volume",
  FJALL: "Volume",
};

/** shard_type and its aliases. */
export const SHARD_TYPES: Readonly<Record<string, ShardType>> = {
  BASIC: "Basic",
  NONE: "Basic",
  SINGLE: "Basic",
  MST: "Mst",
  RAFT: "Raft",
};

/** Templates and their aliases. */
export const TEMPLATES: Readonly<Record<string, Template>> = {
  DEV: "Dev",
  EDGE: "Edge",
  CLOUD: "Cloud",
  FULL: "Cloud",
  K8S_DEPLOYMENT: "Cloud",
  DEPLOYMENT: "Cloud",
  K8S: "Cloud",
  KNATIVE: "Knative",
  KN: "Knative",
  KNSVC: "Knative",
};

/** ProvisionConfig.knative.pullPolicy. */
export const PULL_POLICIES: Readonly<Record<string, ImagePullPolicy>> = {
  ALWAYS: "Always",
  IFNOTPRESENT: "IfNotPresent",
  NEVER: "Never",
};

/** enforcement.mode. */
export const ENFORCEMENT_MODES: Readonly<Record<string, EnforcementMode>> = {
  OFF: "Disabled",
  OBSERVE: "Observe",
  ENFORCE: "Enforce",
};

/** enforcement.dimensions. */
export const DIMENSIONS: Readonly<Record<string, EnforcementDimension>> = {
  REPLICAS: "FunctionReplicas",
  CPU: "FunctionCpu",
  MEMORY: "FunctionMemory",
};

/** Levels of an env filter. */
export const LOG_LEVELS: Readonly<Record<string, LogLevel>> = {
  TRACE: "Debug",
  DEBUG: "Debug",
  INFO: "Info",
  WARN: "Warn",
  ERROR: "Error",
};
