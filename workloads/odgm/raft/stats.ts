// Numbers of all groups of a member together, for metrics.
import type { PeerBoard } from "./board.ts";
import type { Replica } from "./replica.ts";

/** Numbers of the groups together. */
export interface HostStats {
  readonly groups: number;
  readonly awake: number;
  readonly leading: number;
  /** Those that lead although another member could. */
  readonly holding: number;
  /** Bytes sent to other members and not answered. */
  readonly queueBytes: number;
  /** Entries committed and not applied yet. */
  readonly applyLag: number;
}

/** As of now. */
export function statsOf(
  replicas: Iterable<Pick<Replica, "applyLag" | "hasOthers" | "isLeading">>,
  host: { readonly awake: number; readonly board: Pick<PeerBoard, "unansweredBytes"> },
): HostStats {
  let groups = 0;
  let leading = 0;
  let holding = 0;
  let applyLag = 0;
  for (const replica of replicas) {
    groups += 1;
    if (replica.isLeading) leading += 1;
    if (replica.isLeading && replica.hasOthers) holding += 1;
    applyLag += replica.applyLag;
  }
  const { awake, board } = host;
  return { groups, awake, leading, holding, queueBytes: board.unansweredBytes, applyLag };
}
