// What the gateway's calls work with.
import type { Hasher } from "#api/base/index.ts";
import type { StreamCall } from "#workloads/platform/stream/index.ts";

import type { Routes } from "../routing/table.ts";
import type { FunctionPool } from "./function-pool.ts";
import type { MemberPool } from "./member-pool.ts";

/** A member that can be asked directly. */
export interface MemberAddress {
  readonly address: string;
  readonly identity: string;
}

/** Where calls go: a table, or one odgm for everything. */
export type Targets =
  | { readonly kind: "routed"; readonly routes: Routes }
  | { readonly kind: "standalone"; readonly address: string };

/** What the dispatcher works with. */
export interface DispatcherOptions {
  readonly targets: Targets;
  readonly members: MemberPool;
  readonly functions: FunctionPool;
  readonly hash: Hasher;
  /** Time of a call if neither the caller nor the function says otherwise. */
  readonly requestTimeoutMs: number;
  readonly retryAttempts: number;
  readonly retryBackoffMs: number;
  /** Uniform in [0, 1); spreads retries. */
  readonly random?: () => number;
  /** Told of every further attempt. */
  readonly onRetry?: () => void;
}

/** A call for one member. */
export type MemberCall = Omit<StreamCall, "method"> & { readonly method: number };
