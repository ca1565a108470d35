// Digests of the applied state. Every replica takes one after each 10,000th entry and gives it to
// the core; the leader logs its own; where the two differ, the replica is not what the log says.
// Who of the two is wrong the log cannot tell: a driver whose replicas all differ from the leader
// must suspect the leader.
import { assert } from "#api/base/index.ts";

import type { GroupCore } from "./core.ts";
import { decodeDigest, encodeDigest } from "./entry-data.ts";
import { appendOwn } from "./replicate.ts";
import type { Entry, LogIndex } from "./types.ts";
import { ENTRY_KIND_LEVELS } from "./types.ts";

/** Digests kept on each side while the other one is awaited. */
const DIGESTS_MAX = 4;

/** The digest of the state here after `index`. A leader logs it if the group's level allows. */
export function noteOwnDigest(core: GroupCore, index: LogIndex, digest: Uint8Array): void {
  keep(core.ownDigests, index, digest);
  compare(core, index);
  if (core.role !== "leader" || core.level < ENTRY_KIND_LEVELS.digest) return;
  if (core.transferee === undefined) appendOwn(core, "digest", encodeDigest({ index, digest }));
}

/** Digests among the entries that are handed out for applying. */
export function takeDigests(core: GroupCore, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.kind !== "digest") continue;
    const state = decodeDigest(entry.data);
    assert(state !== undefined, `the digest at ${entry.index} cannot be read`);
    keep(core.loggedDigests, state.index, state.digest);
    compare(core, state.index);
  }
}

function keep(digests: Map<LogIndex, Uint8Array>, index: LogIndex, digest: Uint8Array): void {
  digests.set(index, digest);
  for (const oldest of digests.keys()) {
    if (digests.size <= DIGESTS_MAX) return;
    digests.delete(oldest);
  }
}

function compare(core: GroupCore, index: LogIndex): void {
  const own = core.ownDigests.get(index);
  const logged = core.loggedDigests.get(index);
  if (own === undefined || logged === undefined) return;
  const isEqual =
    own.byteLength === logged.byteLength && own.every((byte, at) => byte === logged[at]);
  if (!isEqual) core.diverged ??= index;
}
