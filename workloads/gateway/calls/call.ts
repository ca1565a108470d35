// A call on its way through the gateway.
import type { CallFault } from "#workloads/core/rest/index.ts";

import type { CallSubject } from "../routing/resolve.ts";

/**
 * A call as an edge hands it over. `request` carries the subject's partition already, if it has
 * one.
 */
export interface GatewayCall extends CallSubject {
  readonly request: Uint8Array;
  /** undefined = the caller said nothing: the function's own time, else the gateway's default. */
  readonly timeoutMs: number | undefined;
}

/**
 * Receives responses in order; the one without `more` is the last and may be empty for a stream.
 */
export interface CallSink {
  reply(response: Uint8Array, more: boolean): void;
  fail(fault: CallFault): void;
}

/** Whatever carries calls out. */
export interface Caller {
  /** Starts a call; answers how to cancel it (the sink hears nothing after that). */
  call(call: GatewayCall, sink: CallSink): () => void;
}
