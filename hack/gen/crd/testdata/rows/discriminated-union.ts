/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "discriminatedunions", singular: "discriminatedunion", scope: "Namespaced"}
 */
export interface DiscriminatedUnion {
  readonly spec: DiscriminatedUnionSpec;
}

/** What it is. */
export interface DiscriminatedUnionSpec {
  /** Where it goes. */
  readonly sink: Sink;
}

/** Where something goes. */
export type Sink = FileSink | QueueSink | NullSink;

/** To a file. */
export interface FileSink {
  /** What takes it. */
  readonly type: "File";
  /** Where. @maxLength 99 */
  readonly path: string;
  /** How often. */
  readonly retries?: Few;
}

/** To a queue. */
export interface QueueSink {
  readonly type: "Queue";
  /** Which one; a word that CEL keeps for itself. @maxLength 63 */
  readonly namespace: string;
  /** How often. */
  readonly retries?: Few;
}

/** To nowhere. */
export interface NullSink {
  readonly type: "Nowhere";
}

/** @asType integer @format int32 @minimum 0 @maximum 9 */
export type Few = number;
