// The one type that all steps of the compiler pass on, and how it is read.

/** A JSON schema node, or any other part of a document. */
export type Schema = { readonly [key: string]: unknown };

/** True for a node: neither a list nor a scalar. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The node, or an empty one where there is none. */
export function asSchema(value: unknown): Schema {
  return isSchema(value) ? value : {};
}

/** The list, or an empty one where there is none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
