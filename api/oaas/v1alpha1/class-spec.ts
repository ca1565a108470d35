// A class: the state of its objects, the functions bound to it, what its events start. Written in a
// package (ClassBody plus name and parents), carried down with inheritance resolved
// (ResolvedClass).

import type { DnsLabel, Int32, NamedValue, Quantity } from "../../meta/index.ts";

import type { ClassRef } from "./function-spec.ts";

/** What a class of a package and a resolved class have in common. */
export interface ClassBody {
  /**
   * For people.
   *
   * @maxLength 1024
   */
  readonly description?: string;
  /**
   * Normal: objects with state. Collection: objects that list others. Singleton: one object per
   * class, with id "singleton". Default Normal.
   */
  readonly stateType?: StateType;
  /** What a reader may rely on. Default None. */
  readonly consistency?: Consistency;
  /**
   * Most by which a read may lag behind; with BoundedStaleness only.
   *
   * @minimum 1
   * @maximum 86400
   */
  readonly stalenessBoundSeconds?: Int32;
  /** Whether a write is durable before it is acknowledged. Default true. */
  readonly persistent?: boolean;
  /**
   * How long an object lives after its last write. Default: for ever.
   *
   * @minimum 1
   */
  readonly ttlSeconds?: Int32;
  /** Where the data is kept. */
  readonly storage?: Storage;
  /** How objects find their partition; cannot be changed while data is there. Default Hashed. */
  readonly partitioning?: Partitioning;
  /**
   * Declared entries of the state; undeclared ones are allowed.
   *
   * @maxItems 128
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly keys?: readonly KeySpec[];
  /**
   * References to objects of other classes.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly references?: readonly ReferenceSpec[];
  /**
   * Functions that can be called on the class and its objects.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly functions?: readonly FunctionBinding[];
  /**
   * What a change of an object or the end of a function starts.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly triggers?: readonly Trigger[];
  /**
   * What time starts.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly timers?: readonly Timer[];
  /** Limits of triggers. */
  readonly events?: EventPolicy;
}

/** What the objects of a class are. */
export type StateType = "Normal" | "Collection" | "Singleton";

/** What a reader may rely on. */
export type Consistency = "None" | "ReadYourWrites" | "BoundedStaleness" | "Strong";

/** How objects find their partition. */
export type Partitioning = "Hashed" | "Explicit";

/** Where data is kept. */
export interface Storage {
  /**
   * Volume: a claim per data pod. Memory: lost with the pod, only with persistent false. Default
   * Volume.
   */
  readonly provider?: StorageProvider;
  /** Size of the claim of each data pod; may grow. Default 1Gi. */
  readonly size?: Quantity;
  /**
   * StorageClass of the claims. Default: the cluster's default.
   *
   * @pattern ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$
   * @maxLength 253
   */
  readonly class?: string;
}

/** Where data is kept. */
export type StorageProvider = "Volume" | "Memory";

/**
 * Name of an entry of an object; case counts.
 *
 * @pattern ^[A-Za-z0-9._:-]+$
 * @maxLength 160
 */
export type KeyName = string;

/** A declared entry. */
export interface KeySpec {
  /** Name, unique in the class. */
  readonly name: KeyName;
  /**
   * Type of the value; writes of another are refused. Counter, Map and CrdtMap merge. Default
   * Bytes.
   */
  readonly type?: KeyType;
  /** Whether an object cannot be created without it. */
  readonly required?: boolean;
  /**
   * Value of an entry never written, in the JSON of its type.
   *
   * @maxLength 4096
   */
  readonly default?: string;
  /** Who may read and write it from where. Default Public. */
  readonly access?: Access;
  /**
   * How long the entry lives after its last write. Default: as long as the object.
   *
   * @minimum 1
   */
  readonly ttlSeconds?: Int32;
}

/** Type of an entry. */
export type KeyType =
  | "String"
  | "Integer"
  | "Double"
  | "Boolean"
  | "Bytes"
  | "Json"
  | "Counter"
  | "Map"
  | "CrdtMap"
  | "File";

/**
 * Public: anyone. Internal: functions of the same package. Private: functions of the same class.
 */
export type Access = "Public" | "Internal" | "Private";

/** A reference to an object of another class. */
export interface ReferenceSpec {
  /** Name, unique in the class. */
  readonly name: KeyName;
  /** Class of what is referred to. */
  readonly class: ClassRef;
  /** Who may follow it from where. Default Public. */
  readonly access?: Access;
}

/**
 * Name under which a function is called.
 *
 * @pattern ^[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$
 * @maxLength 128
 */
export type BindingName = string;

/** A function that can be called on a class and its objects. */
export interface FunctionBinding {
  /** Name under which it is called, unique in the class. */
  readonly name: BindingName;
  /**
   * Name of the function in this package, or "package/function". Default: the binding's name.
   *
   * @pattern ^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$
   * @maxLength 192
   */
  readonly function?: string;
  /** Who may call it. Default Public. */
  readonly access?: Access;
  /** It needs no object: the gateway calls it directly. Default false. */
  readonly stateless?: boolean;
  /** It does not change the object that it is called on. Default: the function's. */
  readonly immutable?: boolean;
  /** Class of the object that it creates. Default: the function's. */
  readonly outputClass?: ClassRef;
  /**
   * Calls on one object. Exclusive: one after another. Shared: immutable ones together, others
   * alone. Reentrant: Exclusive, but a call may come back to its own object. Default Shared.
   */
  readonly concurrency?: Concurrency;
  /**
   * Arguments that a call may leave out, as options of the request.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly defaultArgs?: readonly NamedValue[];
  /** It answers calls that name no function. At most one per class. Default false. */
  readonly defaultRoute?: boolean;
  /**
   * CEL over `request` and `object` (metadata); the binding counts only where it is true.
   *
   * @minLength 1
   * @maxLength 1024
   */
  readonly condition?: string;
}

/** What calls on one object may overlap. */
export type Concurrency = "Exclusive" | "Shared" | "Reentrant";

/** What a change or the end of a function starts. */
export interface Trigger {
  /** Name, unique in the class. */
  readonly name: DnsLabel;
  /** What starts it. */
  readonly source: TriggerSource;
  /** What it calls. */
  readonly target: TriggerTarget;
}

/**
 * What starts a trigger: events of a key, or of a function.
 *
 * @x-kubernetes-validations [
 *   {rule: "has(self.key) != has(self.function)", message: "set exactly one of key, function"},
 *   {
 *     rule: "!has(self.key) || !(self.events.exists(e, e == 'Completed' || e == 'Failed'))",
 *     message: "a key has the events Created, Updated, Deleted",
 *     fieldPath: ".events",
 *   },
 *   {
 *     rule: "!has(self.function) || !(self.events.exists(e, e != 'Completed' && e != 'Failed'))",
 *     message: "a function has the events Completed, Failed",
 *     fieldPath: ".events",
 *   },
 * ]
 */
export interface TriggerSource {
  /**
   * Entry whose changes count; a final `*` stands for any rest.
   *
   * @pattern ^[A-Za-z0-9._:-]*\*?$
   * @minLength 1
   * @maxLength 160
   */
  readonly key?: string;
  /** Binding whose end counts. */
  readonly function?: BindingName;
  /**
   * Which events.
   *
   * @minItems 1
   * @maxItems 5
   * @x-kubernetes-list-type set
   */
  readonly events: readonly TriggerEvent[];
}

/** What may happen to an entry or a function. */
export type TriggerEvent = "Created" | "Updated" | "Deleted" | "Completed" | "Failed";

/** What a trigger or timer calls. */
export interface TriggerTarget {
  /** Class that is called. Default: the trigger's own. */
  readonly class?: ClassRef;
  /**
   * Partition, with Explicit partitioning only.
   *
   * @maximum 65535
   */
  readonly partition?: Int32;
  /**
   * Object that is called; "$source" for the one where the event happened. Default: none, a
   * stateless call.
   *
   * @pattern ^(\$source|[A-Za-z0-9._:-]+)$
   * @maxLength 160
   */
  readonly object?: string;
  /** Binding that is called. */
  readonly function: BindingName;
  /**
   * Options of the request.
   *
   * @maxItems 32
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly options?: readonly NamedValue[];
}

/**
 * What time starts: at a schedule or at an interval.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "has(self.schedule) != has(self.intervalSeconds)",
 *     message: "set exactly one of schedule, intervalSeconds",
 *   },
 * ]
 */
export interface Timer {
  /** Name, unique in the class. */
  readonly name: DnsLabel;
  /**
   * Five fields of cron, in UTC.
   *
   * @pattern ^(\S+ ){4}\S+$
   * @maxLength 128
   */
  readonly schedule?: string;
  /**
   * Time between two calls.
   *
   * @minimum 1
   */
  readonly intervalSeconds?: Int32;
  /** What it calls. */
  readonly target: TriggerTarget;
  /** Whether it rests. Default false. */
  readonly suspend?: boolean;
}

/** Limits of triggers. */
export interface EventPolicy {
  /** Whether triggers work at all. Default true. */
  readonly enabled?: boolean;
  /**
   * Longest chain of triggers that start each other. Default 10.
   *
   * @minimum 1
   * @maximum 100
   */
  readonly maxDepth?: Int32;
  /**
   * Time for one dispatch. Default 30000.
   *
   * @minimum 1
   * @maximum 3600000
   */
  readonly timeoutMs?: Int32;
  /**
   * Dispatches at the same time, per partition. Default 100.
   *
   * @minimum 1
   * @maximum 10000
   */
  readonly maxConcurrent?: Int32;
  /** Log every event. Default true. */
  readonly logging?: boolean;
  /** How the payload of a triggered call is written. Default Json. */
  readonly payloadFormat?: PayloadFormat;
}

/** How the payload of a triggered call is written. */
export type PayloadFormat = "Json" | "Protobuf";

/**
 * A class with everything inherited in it. The OPackage controller fills it in.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.stalenessBoundSeconds) || (has(self.consistency) && self.consistency == \
 *       'BoundedStaleness')",
 *     message: "stalenessBoundSeconds belongs to consistency BoundedStaleness",
 *     fieldPath: ".stalenessBoundSeconds",
 *   },
 *   {
 *     rule: "!has(self.consistency) || self.consistency != 'BoundedStaleness' || \
 *       has(self.stalenessBoundSeconds)",
 *     message: "consistency BoundedStaleness needs stalenessBoundSeconds",
 *     fieldPath: ".stalenessBoundSeconds",
 *   },
 *   {
 *     rule: "!has(self.consistency) || self.consistency != 'Strong' || !has(self.persistent) || \
 *       self.persistent",
 *     message: "consistency Strong needs persistent true: term, vote and log are always durable",
 *     fieldPath: ".persistent",
 *   },
 *   {
 *     rule: "!has(self.storage) || !has(self.storage.provider) || self.storage.provider != \
 *       'Memory' || (has(self.persistent) && !self.persistent)",
 *     message: "storage.provider Memory needs persistent false",
 *     fieldPath: ".storage.provider",
 *   },
 * ]
 */
export interface ResolvedClass extends ClassBody {
  /**
   * Wire ids of the classes that it inherits from, in the order of resolution, nearest first.
   *
   * @maxItems 64
   * @x-kubernetes-list-type atomic
   */
  readonly ancestors?: readonly ClassRef[];
}
