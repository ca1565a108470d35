// A bad document and the field that the server's message must name.

/** One bad document. */
export interface Refusal {
  readonly name: string;
  readonly spec: unknown;
  /** Path that the message must contain. */
  readonly field: string;
  /** Further text that it must contain. */
  readonly says?: string;
}
