// The one type that all steps of the compiler pass on.

/** A JSON schema node, or any other part of a document. */
export type Schema = { readonly [key: string]: unknown };
