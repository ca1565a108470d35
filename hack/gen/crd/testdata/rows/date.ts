/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "dates", singular: "date", scope: "Namespaced"}
 */
export interface Date {
  readonly spec: DateSpec;
}

/** What it is. */
export interface DateSpec {
  /** When. */
  readonly startTime?: Date;
}
