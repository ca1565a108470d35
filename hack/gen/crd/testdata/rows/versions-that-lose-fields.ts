/**
 * A kind in v1beta1.
 *
 * @crd {group: "rows.example.com", kind: "VersionsThatLoseFields", version: "v1beta1", plural: "versionsthatlosefieldss", singular: "versionsthatlosefields", scope: "Namespaced", storage: false}
 */
export interface VersionsThatLoseFieldsV1beta1 {
  readonly spec: VersionsThatLoseFieldsV1beta1Spec;
}

/** What it is. */
export interface VersionsThatLoseFieldsV1beta1Spec {
  readonly a?: "A" | "B";
}

/**
 * A kind in v1.
 *
 * @crd {group: "rows.example.com", kind: "VersionsThatLoseFields", version: "v1", plural: "versionsthatlosefieldss", singular: "versionsthatlosefields", scope: "Namespaced"}
 */
export interface VersionsThatLoseFieldsV1 {
  readonly spec: VersionsThatLoseFieldsV1Spec;
}

/** What it is. */
export interface VersionsThatLoseFieldsV1Spec {
  readonly a?: "A" | "B";
  readonly b?: "B";
}
