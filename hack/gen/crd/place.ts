// Where in the types the compiler is: what messages say and what depends on the surroundings.

/** A spot in the types. */
export interface Place {
  /** JSON path of the field, for messages. */
  readonly path: string;
  /** The named type in whose source the schema is written, and the members on the way to it. */
  readonly type: string;
  readonly trail: readonly string[];
  /** True for items of lists and values of maps: they need no description. */
  readonly item?: boolean;
  /** True inside a member of a union of objects. */
  readonly variant?: boolean;
  /** Named types that are being inlined, outermost first. */
  readonly inside: readonly string[];
  /** False below a list that is not a map: transition rules cannot work there. */
  readonly correlatable: boolean;
  /** Programs write status; people write spec. */
  readonly isStatus: boolean;
}

/** The root of a schema. */
export function rootPlace(type: string, path: "spec" | "status"): Place {
  const isStatus = path === "status";
  return { path, type, trail: [], inside: [type], correlatable: true, isStatus };
}
