/**
 * A kind in v1beta1.
 *
 * @crd {group: "rows.example.com", kind: "Versions", version: "v1beta1", plural: "versionss", singular: "versions", scope: "Namespaced", storage: false, deprecated: "use v1"}
 */
export interface VersionsV1beta1 {
  readonly spec: VersionsV1beta1Spec;
}

/** What it is. */
export interface VersionsV1beta1Spec {
  readonly a?: "A" | "B";
}

/**
 * A kind in v1.
 *
 * @crd {group: "rows.example.com", kind: "Versions", version: "v1", plural: "versionss", singular: "versions", scope: "Namespaced"}
 */
export interface VersionsV1 {
  readonly spec: VersionsV1Spec;
}

/** What it is. */
export interface VersionsV1Spec {
  readonly a?: "A" | "B" | "C";
}

/**
 * A kind in v1alpha1.
 *
 * @crd {group: "rows.example.com", kind: "Versions", version: "v1alpha1", plural: "versionss", singular: "versions", scope: "Namespaced", storage: false, served: false}
 */
export interface VersionsV1alpha1 {
  readonly spec: VersionsV1alpha1Spec;
}

/** What it is. */
export interface VersionsV1alpha1Spec {
  readonly a?: "A" | "B";
}
