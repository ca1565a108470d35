// Who decides what the next generation is. Later a Raft group of 1, 3 or 5 voters; for now one
// voter, the member of ordinal 0, with a durable record in its store and the final messages.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { SpecProblem } from "#workloads/core/meta/index.ts";
import { checkSpec, checkTransition } from "#workloads/core/meta/index.ts";
import type { Store } from "#workloads/core/store/index.ts";
import { systemKey } from "#workloads/core/store/index.ts";

import { contentDigest, decodeSpec, encodeSpec, withGeneration } from "./spec.ts";

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

/** The log of a group with one voter. */
export class SingleVoterMetaLog implements MetaLog {
  readonly #store: Store;
  readonly #key: Uint8Array;
  #current: CollectionSpec | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Store, collection: string) {
    this.#store = store;
    this.#key = systemKey(`meta/${collection}`);
    const stored = store.get(this.#key);
    this.#current = stored === undefined ? undefined : decodeSpec(stored.value);
  }

  get generation(): bigint {
    return this.#current?.generation ?? 0n;
  }

  get committed(): CollectionSpec | undefined {
    return this.#current;
  }

  propose(expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome> {
    return this.#inTurn(() => this.#propose(expected, wanted));
  }

  adopt(spec: CollectionSpec): Promise<ProposeOutcome> {
    return this.#inTurn(async () => {
      const current = this.#current;
      if (current !== undefined) {
        const same =
          current.generation === spec.generation && contentDigest(current) === contentDigest(spec);
        const { generation } = current;
        return same ? { kind: "committed", generation } : { kind: "conflict", current: generation };
      }
      const problem = checkSpec(spec);
      if (problem !== undefined) return { kind: "refused", problem };
      await this.#keep(spec);
      return { kind: "committed", generation: spec.generation };
    });
  }

  /** One at a time: the next one sees what this one has made. */
  #inTurn(change: () => Promise<ProposeOutcome>): Promise<ProposeOutcome> {
    const outcome = this.#last.then(change);
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }

  async #propose(expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome> {
    const current = this.#current;
    if (current !== undefined && contentDigest(current) === contentDigest(wanted)) {
      return { kind: "committed", generation: current.generation };
    }
    if (expected !== this.generation) return { kind: "conflict", current: this.generation };
    const problem =
      checkSpec(wanted) ?? (current === undefined ? undefined : checkTransition(current, wanted));
    if (problem !== undefined) return { kind: "refused", problem };
    const next = withGeneration(wanted, this.generation + 1n);
    await this.#keep(next);
    return { kind: "committed", generation: next.generation };
  }

  async #keep(spec: CollectionSpec): Promise<void> {
    await this.#store.commit([{ key: this.#key, value: encodeSpec(spec), index: 0 }]);
    this.#current = spec;
  }
}
