// What a comparison of two CRDs has to say.

/** What kind of change it is. */
export type ChangeKind =
  | "CrdRemoved"
  | "NamesChanged"
  | "ScopeChanged"
  | "VersionRemoved"
  | "StorageChanged"
  | "ConversionChanged"
  | "SubresourceRemoved"
  | "SelectableFieldRemoved"
  | "FieldRemoved"
  | "FieldRequired"
  | "TypeChanged"
  | "EnumNarrowed"
  | "BoundNarrowed"
  | "PatternChanged"
  | "FormatChanged"
  | "NullForbidden"
  | "UnknownFieldsPruned"
  | "ListTypeChanged"
  | "DefaultChanged"
  | "RuleAdded";

/** One finding. */
export interface Finding {
  /** `v1.spec.a.list[].b`, or the part of the CRD. */
  readonly path: string;
  readonly change: ChangeKind;
  /** Breaking for certain, or possibly: only a look at the rule or the objects can tell. */
  readonly severity: "Breaking" | "Possible";
  readonly problem: string;
  /** What to do instead. */
  readonly mend: string;
}
