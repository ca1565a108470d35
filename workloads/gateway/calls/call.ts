// A call on its way through the gateway.
import type { CallHeaders } from "#workloads/core/demand/index.ts";
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
  /** What the caller says beside the request; absent = nothing. */
  readonly headers?: CallHeaders | undefined;
}

/** What goes with the last reply beside its response. */
export interface ReplyAbout {
  /** The caller's session with this write in it. */
  readonly sessionToken?: string | undefined;
  /** The answer that the same request had before. */
  readonly repeated?: boolean | undefined;
}

/**
 * Receives responses in order; the one without `more` is the last and may be empty for a stream.
 */
export interface CallSink {
  reply(response: Uint8Array, more: boolean, about?: ReplyAbout): void;
  fail(fault: CallFault): void;
}

/** Whatever carries calls out. */
export interface Caller {
  /** Starts a call; answers how to cancel it (the sink hears nothing after that). */
  call(call: GatewayCall, sink: CallSink): () => void;
}
