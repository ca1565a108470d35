// The port to a kube-apiserver: one request, one answer, or one stream of watch events. Below it
// are real connections (`undici-transport.ts`) or the fake API server; above it are retries,
// metrics, typed calls and reflectors. A transport never retries and never throws for a status.

/** One request. Paths start with `/api` or `/apis` and carry no query. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON; absent for GET. */
  readonly body?: unknown;
  /** Media type of `body`; `application/json` if not given. */
  readonly contentType?: string;
  /** `Accept`; `application/json` if not given. */
  readonly accept?: string;
  /** The transport gives up with `TransportError` when it aborts. */
  readonly signal?: AbortSignal;
  /** Limit from sending to the last byte; for a watch that is granted, to the headers. */
  readonly timeoutMs?: number;
}

/** What came back, whatever the status. */
export interface ApiResponse {
  readonly status: number;
  /** `Retry-After` in milliseconds, if the server sent one. */
  readonly retryAfterMs?: number;
  /** Decoded JSON; a string where it was no JSON. */
  readonly body: unknown;
  /** Bytes of the body as received. */
  readonly bytes: number;
  /** Bytes of the body as sent; 0 without one. */
  readonly sentBytes: number;
}

/** A running watch. `events` yields decoded lines and returns when the stream ends cleanly. */
export interface WatchResponse {
  readonly status: number;
  readonly retryAfterMs?: number;
  /** Decoded error body where status is not 200; `events` is then empty. */
  readonly body?: unknown;
  /** Throws {@link TransportError} if the stream breaks or a line is no JSON. Single use. */
  readonly events: AsyncIterable<WatchLine>;
  /** Ends the stream; idempotent. */
  close(): void;
}

/** One decoded line of a watch stream. */
export interface WatchLine {
  readonly type: string;
  readonly object: unknown;
  /** Bytes of the line. */
  readonly bytes: number;
  /** When its last byte came, by the monotonic clock of the process, if that is known. */
  readonly receivedAtMs?: number;
}

/** See the head of this file. Implementations are safe for any number of concurrent calls. */
export interface Transport {
  request(request: ApiRequest): Promise<ApiResponse>;
  watch(request: ApiRequest): Promise<WatchResponse>;
  /** Host in metrics. */
  readonly host: string;
  /** Ends all connections; running requests fail. */
  close(): Promise<void>;
}
