// What a client asks of a shard, and what the answers mean to it.
import { assertNever, utf8Decode, utf8Encode } from "#api/base/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import type { ObjectWrite } from "#workloads/core/store/index.ts";
import type { RaftShard } from "#workloads/odgm/shards/raft.ts";
import type { ReadWish, WriteOutcome } from "#workloads/odgm/shards/shard.ts";

import type { ObjectInput, ObjectOutput } from "./objects.ts";
import { mismatchOutput, writtenOutput } from "./objects.ts";

/** How an attempt ended. */
export type Reply =
  | { readonly kind: "told"; readonly output: ObjectOutput }
  /** Surely not done. */
  | { readonly kind: "refused"; readonly leader: MemberId | undefined }
  /** Nobody will ever know. */
  | { readonly kind: "lost" }
  | { readonly kind: "doubt" };

/** The reason by which a write may have been carried out, or may be yet. */
const DOUBTFUL = "OUTCOME_UNKNOWN";
/** Those after which only an earlier attempt can have been. */
const EXPIRED = new Set(["SESSION_EXPIRED", "REQUEST_SETTLED"]);

/**
 * Looks at an object as workloads/odgm/listings.ts does: again, if it may have been too late. Calls
 * back with undefined if it is refused.
 */
export function look(
  shard: RaftShard,
  at: { readonly wish: ReadWish; readonly id: string },
  done: (
    found: { readonly version: number; readonly value: string | undefined } | undefined,
  ) => void,
): void {
  shard.whenReadable(at.wish, (failure, holds) => {
    if (failure !== undefined) {
      done(undefined);
      return;
    }
    let found;
    try {
      found = shard.getValue(at.id, "v");
    } catch {
      // Damage is refused, and mended.
      done(undefined);
      return;
    }
    if (holds?.() === false) {
      look(shard, at, done);
      return;
    }
    const text = found.value === undefined ? undefined : utf8Decode(found.value);
    done({ version: found.version ?? 0, value: text?.split(" ")[0] });
  });
}

/** Who leads, as far as this replica knows; undefined if that is here or nobody. */
export function leaderOf(shard: RaftShard): MemberId | undefined {
  const { lead } = shard;
  return lead.kind === "elsewhere" ? (lead.incarnation as MemberId) : undefined;
}

/** The write that a request comes to; every value has so many bytes more. */
export function writeOf(
  { id, input }: { readonly id: string; readonly input: ObjectInput },
  padding: number,
): ObjectWrite {
  if (input.kind === "delete") return { kind: "delete", id };
  const text = input.kind === "read" ? "" : input.value;
  const value = utf8Encode(padding === 0 ? text : `${text} ${"x".repeat(padding)}`);
  const check = input.kind === "cas" ? { expectedVersion: input.expected } : {};
  return { kind: "mutate", id, sets: [{ key: "v", value }], deletes: [], create: true, ...check };
}

/** What a write's outcome says to who asked. */
export function replyOf(outcome: WriteOutcome, shard: RaftShard): Reply {
  switch (outcome.kind) {
    case "done":
      return { kind: "told", output: writtenOutput(outcome.version) };
    case "version-mismatch":
      return { kind: "told", output: mismatchOutput(outcome.actual) };
    case "refused": {
      const { code } = outcome.failure;
      if (code === DOUBTFUL) return { kind: "doubt" };
      return EXPIRED.has(code) ? { kind: "lost" } : { kind: "refused", leader: leaderOf(shard) };
    }
    case "growth-refused":
    case "crdt-merge":
      return { kind: "refused", leader: undefined };
    default:
      return assertNever(outcome);
  }
}
