// What crosses from HTTP headers into the options of a function call, and back from the function's
// headers into the response. Everything else stays outside: a function never sees credentials.

/** Request headers with lower-case names, one value each. */
export type HeaderSource = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Prefix of request headers that become options without it. */
export const OPTION_PREFIX = "x-oprc-opt-";
/** Prefix of response headers made of the function's headers. */
export const RESULT_PREFIX = "x-oprc-h-";
/** Longest that the caller wants to wait, in milliseconds. */
export const TIMEOUT_HEADER = "x-oprc-timeout-ms";
/** Id of the invocation, on the response. */
export const INVOCATION_HEADER = "x-oprc-invocation-id";
/** "true" on the answer of a request that had been carried out before under its idempotency key. */
export const REPEATED_HEADER = "idempotent-replayed";
/** Machine code of a function's own failure, beside its own payload. */
export const STATUS_HEADER = "x-oprc-status";

const COPIED = ["accept", "content-type", "traceparent", "tracestate"] as const;
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
// Visible ASCII, space and tab: what an HTTP/1.1 header may carry without encoding.
const HEADER_VALUE = /^[\t\x20-\x7e]{0,8192}$/;

/** Longest wait that a caller may ask for. */
export const TIMEOUT_MS_MAX = 3_600_000;

function single(value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  return value.join(", ");
}

/** Options of an invocation: accept, content-type, the trace, and every `x-oprc-opt-*`. */
export function optionsFromHeaders(headers: HeaderSource): Record<string, string> {
  const options: [string, string][] = [];
  for (const name of COPIED) {
    const value = single(headers[name]);
    if (value !== undefined) options.push([name, value]);
  }
  for (const name in headers) {
    if (!name.startsWith(OPTION_PREFIX) || name.length === OPTION_PREFIX.length) continue;
    const value = single(headers[name]);
    if (value !== undefined) options.push([name.slice(OPTION_PREFIX.length), value]);
  }
  return Object.fromEntries(options);
}

/** The wait that a caller asks for; `timeoutMs` is undefined if it says nothing. */
export type TimeoutRequest =
  { readonly kind: "ok"; readonly timeoutMs: number | undefined } | { readonly kind: "malformed" };

/** Reads `x-oprc-timeout-ms`; longer waits are cut to {@link TIMEOUT_MS_MAX}. */
export function parseTimeoutMs(headers: HeaderSource): TimeoutRequest {
  const text = single(headers[TIMEOUT_HEADER]);
  if (text === undefined) return { kind: "ok", timeoutMs: undefined };
  if (!/^\d{1,10}$/.test(text) || Number(text) < 1) return { kind: "malformed" };
  return { kind: "ok", timeoutMs: Math.min(Number(text), TIMEOUT_MS_MAX) };
}

/** Whether HTTP can carry this text as the value of a header. */
export function isHeaderValue(text: string): boolean {
  return HEADER_VALUE.test(text);
}

/**
 * Response headers made of a function's: `content-type` as it is, all others behind `x-oprc-h-`.
 * Names and values that HTTP cannot carry are left out.
 */
export function resultHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase();
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) continue;
    result[name === "content-type" ? name : RESULT_PREFIX + name] = value;
  }
  return result;
}

/** Content type of a payload whose function named none: upstream's rule. */
export function payloadContentType(accept: string | undefined): string | undefined {
  if (accept === undefined) return undefined;
  return accept.includes("application/json") ? "application/json" : "application/octet-stream";
}

/** Encodings of an ObjData that a request body may have. */
export type BodyFormat = "json" | "protobuf";

/** Encoding by content type; undefined = unsupported (415). */
export function parseBodyFormat(contentType: string | undefined): BodyFormat | undefined {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json") return "json";
  if (type === "application/x-protobuf" || type === "application/octet-stream") return "protobuf";
  return undefined;
}
