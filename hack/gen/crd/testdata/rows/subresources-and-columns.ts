/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "subresourcesandcolumnss", singular: "subresourcesandcolumns", scope: "Cluster", shortNames: ["sac"], categories: ["all"]}
 * @printcolumns [{name: "Ready", condition: "Ready"}, {name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp"}]
 * @scale {specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas"}
 * @selectable [".spec.mode"]
 */
export interface SubresourcesAndColumns {
  readonly spec: SubresourcesAndColumnsSpec;
  readonly status?: SubresourcesAndColumnsStatus;
}

/** What it is. */
export interface SubresourcesAndColumnsSpec {
  /** Wanted. @asType integer @format int32 @minimum 0 @maximum 9 */
  readonly replicas?: number;
  /** Which. */
  readonly mode?: "A" | "B";
}

/** What was seen. */
export interface SubresourcesAndColumnsStatus {
  /** There. @asType integer @format int32 @minimum 0 @maximum 9 */
  readonly replicas?: number;
  /** Seen. @asType integer @format int64 @minimum -1 @maximum 9007199254740991 */
  readonly observedGeneration?: number;
}
