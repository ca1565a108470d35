/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "ruless", singular: "rules", scope: "Namespaced"}
 */
export interface Rules {
  readonly spec: RulesSpec;
}

/**
 * What it is.
 *
 * @immutable [{field: "held", default: "x", mend: "make another"}]
 * @growonly [{field: "size", default: "1Gi", mend: "copy it"}]
 * @x-kubernetes-validations [{rule: "!has(self.held) || self.held != 'y'", message: "not y", fieldPath: ".held"}]
 */
export interface RulesSpec {
  /** Held. @maxLength 9 */
  readonly held?: string;
  /** Grows. @x-kubernetes-int-or-string @maxLength 9 */
  readonly size?: string | number;
}
