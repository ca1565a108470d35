// What a dry-run of controllers answers: changes, refusals and what has to be waited for.

/** A field that would change. Values are JSON; of Secrets there are none. */
export interface PlannedField {
  /** As a user would write it: `spec.template.spec.containers[name=app].image`. */
  readonly path: string;
  /** Not given if nothing is there. */
  readonly from?: string;
  /** Not given if it would go. */
  readonly to?: string;
}

/** Names an object. `namespace` is empty for cluster-scoped kinds. */
export interface PlannedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Not given for the cluster itself. */
  readonly cluster?: string;
}

/** What would become of one object. */
export interface PlannedChange extends PlannedObject {
  /** `Keep`: no longer wanted, but it may not be deleted. */
  readonly action: "Create" | "Configure" | "Delete" | "Keep" | "Unchanged";
  /** Name of the controller; empty for objects that the user has given. */
  readonly by: string;
  /** Who renders it; not given for objects that the user has given. */
  readonly parent?: PlannedObject;
  /** Of `Configure`, sorted by path. */
  readonly fields: readonly PlannedField[];
  /** True for what controllers would do without the given objects, too. */
  readonly due?: true;
}

/** An object that a controller would not serve: it and its children stay as they are. */
export interface PlannedRefusal extends PlannedObject {
  readonly by: string;
  readonly reason: string;
  readonly message: string;
  /** Path of the field at fault in this object. */
  readonly path?: string;
}

/** Something that has to happen before more can be said. */
export interface PlannedWait extends PlannedObject {
  readonly by: string;
  readonly reason: string;
  readonly message: string;
}

/** Calls outside Kubernetes that a controller would make for an object. */
export interface PlannedCalls extends PlannedObject {
  readonly by: string;
  readonly calls: readonly unknown[];
}

/** The whole answer. Changes are in the order in which controllers come to them. */
export interface PlanResult {
  readonly changes: readonly PlannedChange[];
  readonly refusals: readonly PlannedRefusal[];
  readonly waits: readonly PlannedWait[];
  readonly calls: readonly PlannedCalls[];
  /** What limits the answer, such as an object of a kind that nobody knows. */
  readonly notes: readonly string[];
}
