// What unset fields of a class mean.

import type { Quantity } from "../../meta/index.ts";

import type {
  Access,
  ClassBody,
  Concurrency,
  Consistency,
  EventPolicy,
  FunctionBinding,
  KeySpec,
  KeyType,
  Partitioning,
  PayloadFormat,
  StateType,
  Storage,
  StorageProvider,
} from "./class-spec.ts";
import type { FunctionSpec } from "./function-spec.ts";

/** Size of a data pod's claim that names none. */
export const DEFAULT_STORAGE_SIZE = "1Gi";

/** A class with its defaults filled in. */
export interface EffectiveClass {
  readonly stateType: StateType;
  readonly consistency: Consistency;
  readonly stalenessBoundSeconds: number | undefined;
  readonly persistent: boolean;
  /** Undefined: objects live for ever. */
  readonly ttlSeconds: number | undefined;
  readonly storage: EffectiveStorage;
  readonly partitioning: Partitioning;
  readonly events: EffectiveEvents;
}

/** Storage with its defaults filled in. */
export interface EffectiveStorage {
  readonly provider: StorageProvider;
  readonly size: Quantity;
  /** Undefined: the cluster's default. */
  readonly class: string | undefined;
}

/** Limits of triggers with their defaults filled in. */
export interface EffectiveEvents {
  readonly enabled: boolean;
  readonly maxDepth: number;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly logging: boolean;
  readonly payloadFormat: PayloadFormat;
}

/** A binding with its defaults filled in. */
export interface EffectiveBinding {
  readonly name: string;
  /** Reference to the function, as written or the binding's name. */
  readonly function: string;
  readonly access: Access;
  readonly stateless: boolean;
  readonly immutable: boolean;
  readonly outputClass: string | undefined;
  readonly concurrency: Concurrency;
  readonly defaultRoute: boolean;
}

/** A key with its defaults filled in. */
export interface EffectiveKey {
  readonly name: string;
  readonly type: KeyType;
  readonly required: boolean;
  readonly access: Access;
}

/** `body` with its defaults. */
export function effectiveClass(body: ClassBody): EffectiveClass {
  return {
    stateType: body.stateType ?? "Normal",
    consistency: body.consistency ?? "None",
    stalenessBoundSeconds: body.stalenessBoundSeconds,
    persistent: body.persistent ?? true,
    ttlSeconds: body.ttlSeconds,
    storage: effectiveStorage(body.storage),
    partitioning: body.partitioning ?? "Hashed",
    events: effectiveEvents(body.events),
  };
}

/** `storage` with its defaults. */
export function effectiveStorage(storage: Storage | undefined): EffectiveStorage {
  return {
    provider: storage?.provider ?? "Volume",
    size: storage?.size ?? DEFAULT_STORAGE_SIZE,
    class: storage?.class,
  };
}

/** `events` with its defaults. */
export function effectiveEvents(events: EventPolicy | undefined): EffectiveEvents {
  return {
    enabled: events?.enabled ?? true,
    maxDepth: events?.maxDepth ?? 10,
    timeoutMs: events?.timeoutMs ?? 30_000,
    maxConcurrent: events?.maxConcurrent ?? 100,
    logging: events?.logging ?? true,
    payloadFormat: events?.payloadFormat ?? "Json",
  };
}

/** `binding` with its defaults; `spec` is the bound function, where it is known. */
export function effectiveBinding(
  binding: FunctionBinding,
  spec: FunctionSpec | undefined,
): EffectiveBinding {
  return {
    name: binding.name,
    function: binding.function ?? binding.name,
    access: binding.access ?? "Public",
    stateless: binding.stateless ?? false,
    immutable: binding.immutable ?? spec?.immutable ?? false,
    outputClass: binding.outputClass ?? spec?.outputClass,
    concurrency: binding.concurrency ?? "Shared",
    defaultRoute: binding.defaultRoute ?? false,
  };
}

/** `key` with its defaults. */
export function effectiveKey(key: KeySpec): EffectiveKey {
  return {
    name: key.name,
    type: key.type ?? "Bytes",
    required: key.required ?? false,
    access: key.access ?? "Public",
  };
}
