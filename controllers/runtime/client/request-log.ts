// What is told about every request after its answer, for tests and recordings of rights.

/** One line of the request log. Bodies are not in it. */
export interface RequestLogEntry {
  /** Name in the manager of the cluster that was asked; empty for its own. */
  readonly cluster: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** 0 if there was no answer. */
  readonly status: number;
  readonly watch: boolean;
}
