// Who decides what the next generation is: the port that the admin service asks.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { SpecProblem } from "#workloads/core/meta/index.ts";

/** How a proposal ended. */
export type ProposeOutcome =
  | { readonly kind: "committed"; readonly generation: bigint }
  | { readonly kind: "conflict"; readonly current: bigint }
  | { readonly kind: "refused"; readonly problem: SpecProblem }
  /** Nothing is known to be done: another voter leads, or nobody for now. */
  | { readonly kind: "not-leader"; readonly leader: string };

/** The log of generations of one collection. */
export interface MetaLog {
  /** Number of the newest committed generation; 0 = none. */
  readonly generation: bigint;
  /** The newest committed generation; undefined = none. */
  readonly committed: CollectionSpec | undefined;
  /**
   * Makes `wanted` the next generation if `expected` is the current one. The same content as the
   * current one answers its number without a new one. Resolves when durable on a majority.
   */
  propose(expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome>;
  /**
   * Takes `spec`, generation and all, as the newest one, if there is none or it is the same: the
   * stores of all voters were lost, and this is what the members serve.
   */
  adopt(spec: CollectionSpec): Promise<ProposeOutcome>;
}
