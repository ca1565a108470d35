/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "rulesthatarewrongs", singular: "rulesthatarewrong", scope: "Namespaced"}
 */
export interface RulesThatAreWrong {
  readonly spec: RulesThatAreWrongSpec;
}

/** What it is. */
export interface RulesThatAreWrongSpec {
  /** Mute. @maxLength 9 @x-kubernetes-validations [{rule: "true"}] */
  readonly mute?: string;
  /** Not followed. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly lost?: readonly Followed[];
}

/** Followed. @x-kubernetes-validations [{rule: "self == oldSelf", message: "is immutable"}] */
export interface Followed {
  readonly a?: "A";
}
