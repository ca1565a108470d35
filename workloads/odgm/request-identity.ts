// By what a write that comes again is recognised: the identity of the call, checked, with the
// fingerprint of what it does.
import { fromBinary } from "@bufbuild/protobuf";

import { errorMessage, utf8Encode } from "#api/base/index.ts";
import type { SessionRequest } from "#api/gen/oaas-stream_pb.ts";
import { SessionRequestSchema } from "#api/gen/oaas-stream_pb.ts";
import type { ExclusiveToken } from "#workloads/core/demand/index.ts";
import { isIdempotencyKey, requestFingerprintInput } from "#workloads/core/demand/index.ts";
import type { RequestIdentity } from "#workloads/core/raft/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import type { ObjectWrite } from "#workloads/core/store/index.ts";
import { xxh3, xxh128Text } from "#workloads/platform/hash/index.ts";

import { refuse } from "./errors.ts";
import type { DataCall } from "./forward.ts";

/** Longest name of a client session, in bytes. */
const SESSION_BYTES_MAX = 64;

/** The identity under which a shard remembers this write. Throws INVALID_IDEMPOTENCY_KEY. */
export function identityOf(call: DataCall, write: ObjectWrite): RequestIdentity | undefined {
  const { identity, method } = call;
  if (identity === undefined) return undefined;
  if (identity.kind === "session") {
    const { session, sequence, settledBelow } = identity;
    if (isSession(session) && sequence >= 1 && settledBelow >= 1) return identity;
    throw refuse("INVALID_REQUEST", "the session or its numbers are malformed");
  }
  const { key } = identity;
  if (!isIdempotencyKey(key)) {
    throw refuse("INVALID_IDEMPOTENCY_KEY", "an idempotency key is 1 to 255 visible characters");
  }
  // Another method answers another message, so it is another request.
  const digest = xxh128Text(utf8Encode(`${method} ${requestFingerprintInput(write)}`));
  const fingerprint = Buffer.from(digest, "latin1").toString("hex");
  return { kind: "key", key, fingerprint, slot: slotOf(xxh3, write.id) };
}

/** The token of the exclusive call, if it is of the object that is written. */
export function tokenOf(call: DataCall, cls: string, id: string): ExclusiveToken | undefined {
  const { token } = call;
  return token?.cls === cls && token.object === id ? token : undefined;
}

/** Decodes the request of OPEN_SESSION and CLOSE_SESSION. Throws INVALID_REQUEST. */
export function decodeSessionRequest(bytes: Uint8Array): SessionRequest {
  let request: SessionRequest;
  try {
    request = fromBinary(SessionRequestSchema, bytes);
  } catch (cause: unknown) {
    throw refuse("INVALID_REQUEST", `malformed session request: ${errorMessage(cause)}`, { cause });
  }
  if (isSession(request.session)) return request;
  throw refuse("INVALID_REQUEST", `a session has a name of 1 to ${SESSION_BYTES_MAX} bytes`);
}

function isSession(name: string): boolean {
  return name !== "" && utf8Encode(name).byteLength <= SESSION_BYTES_MAX;
}
