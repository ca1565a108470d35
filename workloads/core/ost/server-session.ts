// One connection as the server sees it. The machine decides what a request means here and now:
// which object is bound, whether it may run, must wait or is refused; the store executes. READ,
// WRITE, DISCARD and FLUSH run side by side and are answered as they finish; the commands about
// objects run alone, so that what follows SET_OBJECT on the wire finds the object bound.
// Source: reference/rawstor.md A.1 to A.3, defects D3 and D6 of A.10.
import { assert, assertNever } from "#api/base/index.ts";
import type { Hasher } from "#api/base/index.ts";

import type { CommandName, ObjectId, OstRequest, OstResponse } from "./protocol.ts";
import { errno, PAYLOAD_BYTES_MAX } from "./protocol.ts";

/** An object as the store knows it while it exists; a new object of the same id has another. */
export type ObjectHandle = number;

/** What the store is asked to do. Offsets are non-negative, lengths positive, hashes checked. */
export type StoreOperation =
  | { readonly kind: "open"; readonly id: ObjectId }
  | {
      readonly kind: "read";
      readonly object: ObjectHandle;
      readonly offset: number;
      readonly lengthBytes: number;
    }
  | {
      readonly kind: "write";
      readonly object: ObjectHandle;
      readonly offset: number;
      readonly payload: Uint8Array;
      readonly hash: bigint;
      readonly sync: boolean;
    }
  | {
      readonly kind: "discard";
      readonly object: ObjectHandle;
      readonly offset: number;
      readonly lengthBytes: number;
      readonly sync: boolean;
    }
  | { readonly kind: "flush"; readonly object: ObjectHandle }
  | { readonly kind: "allocate"; readonly id: ObjectId; readonly sizeBytes: number }
  | { readonly kind: "release"; readonly id: ObjectId }
  | { readonly kind: "list"; readonly after: ObjectId; readonly limit: number }
  | { readonly kind: "spec"; readonly id: ObjectId }
  | { readonly kind: "location-info" };

/**
 * How an operation ended: `result` as on the wire; `hash` of the bytes that a READ found or a WRITE
 * stored; `object` for a successful open.
 */
export interface StoreOutcome {
  readonly result: number;
  readonly hash?: bigint;
  readonly payload?: Uint8Array;
  readonly object?: ObjectHandle;
}

/** Names an operation in flight, unique within the session. */
export type Ticket = number;

/** What may happen to a session; its end needs no input. */
export type ServerInput =
  | { readonly kind: "request"; readonly request: OstRequest }
  | { readonly kind: "finished"; readonly ticket: Ticket; readonly outcome: StoreOutcome }
  /** The peer does not read its responses; nothing more is started until `drained`. */
  | { readonly kind: "congested" }
  | { readonly kind: "drained" };

/**
 * `execute` may be answered by `finished` at once or later, in any order. `pause` asks the shell to
 * stop reading from the connection until `resume`; requests already decoded are still taken.
 */
export type ServerEffect =
  | { readonly kind: "execute"; readonly ticket: Ticket; readonly operation: StoreOperation }
  | { readonly kind: "respond"; readonly response: OstResponse }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" };

/** What one connection may have in flight. */
export interface ServerLimits {
  /** Bytes of WRITE payload being executed; a WRITE beyond it is answered -EBUSY. */
  readonly writeBacklogBytesMax: number;
  /** Bytes of READ being executed; requests beyond it wait. One READ is always let through. */
  readonly readBacklogBytesMax: number;
}

interface Running {
  readonly cid: number;
  readonly command: CommandName;
  readonly bytes: number;
}

/** Opaque; made by {@link startServerSession}, changed only by {@link stepServer}. */
export interface ServerState {
  readonly limits: ServerLimits;
  readonly hasher: Hasher;
  readonly running: Map<Ticket, Running>;
  readonly waiting: OstRequest[];
  bound: ObjectHandle | undefined;
  /** The ticket of the command that must run alone. */
  alone: Ticket | undefined;
  writeBytes: number;
  readBytes: number;
  nextTicket: Ticket;
  congested: boolean;
  paused: boolean;
}

/** A fresh connection: nothing bound, nothing running. */
export function startServerSession(limits: ServerLimits, hasher: Hasher): ServerState {
  return {
    limits,
    hasher,
    running: new Map(),
    waiting: [],
    bound: undefined,
    alone: undefined,
    writeBytes: 0,
    readBytes: 0,
    nextTicket: 1,
    congested: false,
    paused: false,
  };
}

/**
 * Takes one input and says what follows, in order. `state` is owned by the machine and changed in
 * place. Every request gets exactly one response with its own command and cid.
 */
export function stepServer(
  state: ServerState,
  input: ServerInput,
): { readonly state: ServerState; readonly effects: readonly ServerEffect[] } {
  const effects: ServerEffect[] = [];
  switch (input.kind) {
    case "request":
      if (state.waiting.length === 0 && mayStart(state, input.request)) {
        start(state, input.request, effects);
      } else {
        state.waiting.push(input.request);
      }
      break;
    case "finished":
      finish(state, input, effects);
      startWaiting(state, effects);
      break;
    case "congested":
      state.congested = true;
      break;
    case "drained":
      state.congested = false;
      startWaiting(state, effects);
      break;
    default:
      assertNever(input);
  }
  const wantsPause = state.congested || state.waiting.length > 0;
  if (wantsPause !== state.paused) effects.push({ kind: wantsPause ? "pause" : "resume" });
  state.paused = wantsPause;
  return { state, effects };
}

const empty = new Uint8Array(0);

function mayStart(state: ServerState, request: OstRequest): boolean {
  if (state.congested || state.alone !== undefined) return false;
  switch (request.command) {
    case "write":
    case "discard":
    case "flush":
      return true;
    case "read":
      return (
        state.readBytes === 0 ||
        state.readBytes + request.lengthBytes <= state.limits.readBacklogBytesMax
      );
    case "set-object":
    case "allocate":
    case "release":
    case "list":
    case "spec":
    case "location-info":
      return true;
    default:
      return assertNever(request);
  }
}

function startWaiting(state: ServerState, effects: ServerEffect[]): void {
  let count = 0;
  for (const request of state.waiting) {
    if (!mayStart(state, request)) break;
    start(state, request, effects);
    count += 1;
  }
  state.waiting.splice(0, count);
}

function start(state: ServerState, request: OstRequest, effects: ServerEffect[]): void {
  switch (request.command) {
    case "read":
    case "write":
    case "discard":
    case "flush":
      startIo(state, request, effects);
      return;
    case "set-object":
      state.bound = undefined;
      startAlone(state, request, { kind: "open", id: request.id }, effects);
      return;
    case "allocate":
      state.bound = undefined;
      startAlone(
        state,
        request,
        { kind: "allocate", id: request.id, sizeBytes: request.sizeBytes },
        effects,
      );
      return;
    case "list":
      state.bound = undefined;
      startAlone(
        state,
        request,
        { kind: "list", after: request.after, limit: request.limit },
        effects,
      );
      return;
    case "release":
      startAlone(state, request, { kind: "release", id: request.id }, effects);
      return;
    case "spec":
      startAlone(state, request, { kind: "spec", id: request.id }, effects);
      return;
    case "location-info":
      startAlone(state, request, { kind: "location-info" }, effects);
      return;
    default:
      assertNever(request);
  }
}

type IoRequest = Extract<OstRequest, { command: "read" | "write" | "discard" | "flush" }>;

function startIo(state: ServerState, request: IoRequest, effects: ServerEffect[]): void {
  const refusal = refuse(state, request);
  if (refusal !== undefined) {
    const hash = refusal === 0 ? state.hasher(empty) : 0n;
    effects.push({ kind: "respond", response: respond(request, { result: refusal, hash }) });
    return;
  }
  assert(state.bound !== undefined, "an I/O that is not refused has an object");
  const bytes =
    request.command === "write"
      ? request.payload.byteLength
      : request.command === "read"
        ? request.lengthBytes
        : 0;
  if (request.command === "write") state.writeBytes += bytes;
  if (request.command === "read") state.readBytes += bytes;
  run(state, request, { bytes, operation: ioOperation(request, state.bound) }, effects);
}

/** Why an I/O is answered at once: a negated errno, 0 for a length of 0, or undefined to run it. */
function refuse(state: ServerState, request: IoRequest): number | undefined {
  if (state.bound === undefined) return -errno.EBADF;
  if (request.command === "flush") return undefined;
  if (request.offset < 0) return -errno.EINVAL;
  if (request.command === "write") {
    const { payload } = request;
    if (payload.byteLength === 0) return 0;
    if (state.hasher(payload) !== request.hash) return -errno.EIO;
    const full = state.writeBytes + payload.byteLength > state.limits.writeBacklogBytesMax;
    return full ? -errno.EBUSY : undefined;
  }
  if (request.command === "read" && request.lengthBytes > PAYLOAD_BYTES_MAX) return -errno.EINVAL;
  return request.lengthBytes === 0 ? 0 : undefined;
}

function ioOperation(request: IoRequest, object: ObjectHandle): StoreOperation {
  switch (request.command) {
    case "flush":
      return { kind: "flush", object };
    case "read":
      return { kind: "read", object, offset: request.offset, lengthBytes: request.lengthBytes };
    case "discard":
      return {
        kind: "discard",
        object,
        offset: request.offset,
        lengthBytes: request.lengthBytes,
        sync: request.sync,
      };
    case "write":
      return {
        kind: "write",
        object,
        offset: request.offset,
        payload: request.payload,
        hash: request.hash,
        sync: request.sync,
      };
    default:
      return assertNever(request);
  }
}

function startAlone(
  state: ServerState,
  request: OstRequest,
  operation: StoreOperation,
  effects: ServerEffect[],
): void {
  state.alone = state.nextTicket;
  run(state, request, { bytes: 0, operation }, effects);
}

function run(
  state: ServerState,
  request: OstRequest,
  work: { readonly bytes: number; readonly operation: StoreOperation },
  effects: ServerEffect[],
): void {
  const ticket = state.nextTicket;
  state.nextTicket += 1;
  state.running.set(ticket, { cid: request.cid, command: request.command, bytes: work.bytes });
  effects.push({ kind: "execute", ticket, operation: work.operation });
}

function finish(
  state: ServerState,
  input: { readonly ticket: Ticket; readonly outcome: StoreOutcome },
  effects: ServerEffect[],
): void {
  const running = state.running.get(input.ticket);
  assert(running !== undefined, "an operation finishes once");
  state.running.delete(input.ticket);
  if (running.command === "write") state.writeBytes -= running.bytes;
  if (running.command === "read") state.readBytes -= running.bytes;
  if (state.alone === input.ticket) state.alone = undefined;
  if (running.command === "set-object" && input.outcome.result === 0) {
    state.bound = input.outcome.object;
  }
  effects.push({ kind: "respond", response: respond(running, input.outcome) });
}

function respond(
  request: { readonly command: CommandName; readonly cid: number },
  outcome: StoreOutcome,
): OstResponse {
  const head = {
    command: request.command,
    cid: request.cid,
    result: outcome.result,
    hash: outcome.hash ?? 0n,
  };
  return outcome.payload === undefined ? head : { ...head, payload: outcome.payload };
}
