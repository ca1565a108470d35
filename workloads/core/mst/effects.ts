// What a member of an Mst group has its driver do. See replica.ts for the order of duties.
import type { ObjectState } from "../merge/index.ts";
import type { MstMessage } from "./messages.ts";

/** What a member must find again after a restart, beside its objects and the clock's mark. */
export interface DurableMark {
  readonly ack: number;
  readonly cut: number;
  /** Whether it has everything that the group had when it joined, so that it may serve. */
  readonly joined: boolean;
}

/** An object that came from another member, decoded. Its bytes are the caller's. */
export interface IncomingObject {
  readonly id: string;
  readonly state: ObjectState;
}

/** What the driver has to do. */
export type MstEffect =
  | { readonly kind: "send"; readonly to: string; readonly message: MstMessage }
  /** Join these with what is stored, see the order of duties. */
  | { readonly kind: "merge"; readonly from: string; readonly objects: readonly IncomingObject[] }
  | { readonly kind: "persist"; readonly mark: DurableMark }
  | { readonly kind: "purge"; readonly cut: number }
  /** Persist the clock's high-water mark, then call `clock.reserved`. */
  | { readonly kind: "reserve"; readonly highWater: number }
  | { readonly kind: "pull-failed"; readonly from: string; readonly reason: PullFailure }
  /** We missed tombstones that are gone: drop every object and begin as a new member. */
  | { readonly kind: "resync" };

/** Why a pull ended without result. */
export type PullFailure =
  | "Generation"
  | "Joining"
  /** The other had not merged up to our cut: what it holds may be dead. */
  | "Stale"
  | "Malformed"
  | "Timeout"
  /** The request could not be handed over, or its answer will not come. */
  | "Lost"
  | "Superseded";
