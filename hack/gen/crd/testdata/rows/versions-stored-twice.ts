/**
 * A kind in v1beta1.
 *
 * @crd {group: "rows.example.com", kind: "VersionsStoredTwice", version: "v1beta1", plural: "versionsstoredtwices", singular: "versionsstoredtwice", scope: "Namespaced"}
 */
export interface VersionsStoredTwiceV1beta1 {
  readonly spec: VersionsStoredTwiceV1beta1Spec;
}

/** What it is. */
export interface VersionsStoredTwiceV1beta1Spec {
  readonly a?: "A" | "B";
}

/**
 * A kind in v1.
 *
 * @crd {group: "rows.example.com", kind: "VersionsStoredTwice", version: "v1", plural: "versionsstoredtwices", singular: "versionsstoredtwice", scope: "Namespaced"}
 */
export interface VersionsStoredTwiceV1 {
  readonly spec: VersionsStoredTwiceV1Spec;
}

/** What it is. */
export interface VersionsStoredTwiceV1Spec {
  readonly a?: "A" | "B";
}
