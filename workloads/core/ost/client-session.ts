// One connection as the client sees it: gives out cids, pairs responses with calls whatever their
// order, checks hashes and deadlines. It knows nothing of retries or of which object is bound; that
// is the library's work. After `end` the connection is useless and every call has been failed: a
// timed-out cid could otherwise be answered late and taken for its successor.
// Source: reference/rawstor.md A.2, A.3, defects D9 and D10 of A.10.
import { assert, assertNever } from "#api/base/index.ts";
import type { Hasher } from "#api/base/index.ts";

import type { OstCall, OstRequest, OstResponse } from "./protocol.ts";
import { CID_COUNT } from "./protocol.ts";

/** The caller's name for a call; unique while the call runs. */
export type CallToken = number;

/**
 * Why a call has no response. `timeout`: its deadline passed or another call's did. `checksum`: the
 * bytes of a READ do not match their hash. `protocol`: the peer answered what was not asked.
 * `lost`: the connection ended. `full`: 65,536 calls are running; this one was not sent.
 */
export type CallFailure = "timeout" | "checksum" | "protocol" | "lost" | "full";

/** What may happen to a connection. `reject`: the peer sent what is no response. */
export type ClientInput =
  | {
      readonly kind: "call";
      readonly token: CallToken;
      readonly call: OstCall;
      /** Monotonic milliseconds. */
      readonly deadlineAtMs: number;
    }
  | { readonly kind: "response"; readonly response: OstResponse }
  | { readonly kind: "tick"; readonly nowMs: number }
  | { readonly kind: "reject" }
  | { readonly kind: "lost" };

/** `end` asks the shell to drop the connection; nothing is sent after it. */
export type ClientEffect =
  | { readonly kind: "send"; readonly request: OstRequest }
  | { readonly kind: "complete"; readonly token: CallToken; readonly response: OstResponse }
  | { readonly kind: "fail"; readonly token: CallToken; readonly failure: CallFailure }
  | { readonly kind: "end"; readonly failure: CallFailure };

interface Pending {
  readonly token: CallToken;
  readonly command: OstCall["command"];
  readonly deadlineAtMs: number;
  /** The most bytes that a READ may answer. */
  readonly lengthBytes: number;
}

/** Opaque; made by {@link startClientSession}, changed only by {@link stepClient}. */
export interface ClientState {
  readonly hasher: Hasher;
  readonly pending: Map<number, Pending>;
  nextCid: number;
  ended: boolean;
}

/** A fresh connection with nothing sent. The first call gets cid 0. */
export function startClientSession(hasher: Hasher): ClientState {
  return { hasher, pending: new Map(), nextCid: 0, ended: false };
}

/** Takes one input and says what follows, in order. `state` is changed in place. */
export function stepClient(
  state: ClientState,
  input: ClientInput,
): { readonly state: ClientState; readonly effects: readonly ClientEffect[] } {
  const effects: ClientEffect[] = [];
  switch (input.kind) {
    case "call":
      call(state, input, effects);
      break;
    case "response":
      if (!state.ended) receive(state, input.response, effects);
      break;
    case "tick":
      for (const pending of state.pending.values()) {
        if (pending.deadlineAtMs > input.nowMs) continue;
        end(state, "timeout", effects);
        break;
      }
      break;
    case "reject":
      end(state, "protocol", effects);
      break;
    case "lost":
      end(state, "lost", effects);
      break;
    default:
      assertNever(input);
  }
  return { state, effects };
}

function call(
  state: ClientState,
  input: Extract<ClientInput, { kind: "call" }>,
  effects: ClientEffect[],
): void {
  if (state.ended || state.pending.size === CID_COUNT) {
    effects.push({ kind: "fail", token: input.token, failure: state.ended ? "lost" : "full" });
    return;
  }
  while (state.pending.has(state.nextCid)) state.nextCid = (state.nextCid + 1) % CID_COUNT;
  const cid = state.nextCid;
  state.nextCid = (cid + 1) % CID_COUNT;
  state.pending.set(cid, {
    token: input.token,
    command: input.call.command,
    deadlineAtMs: input.deadlineAtMs,
    lengthBytes: input.call.command === "read" ? input.call.lengthBytes : 0,
  });
  effects.push({ kind: "send", request: { ...input.call, cid } });
}

function receive(state: ClientState, response: OstResponse, effects: ClientEffect[]): void {
  const pending = state.pending.get(response.cid);
  if (pending?.command !== response.command) {
    end(state, "protocol", effects);
    return;
  }
  if (response.command === "read" && response.result >= 0) {
    if (response.result > pending.lengthBytes) {
      end(state, "protocol", effects);
      return;
    }
    const payload = response.payload;
    if (payload !== undefined && state.hasher(payload) !== response.hash) {
      state.pending.delete(response.cid);
      effects.push({ kind: "fail", token: pending.token, failure: "checksum" });
      end(state, "protocol", effects);
      return;
    }
  }
  state.pending.delete(response.cid);
  effects.push({ kind: "complete", token: pending.token, response });
}

function end(state: ClientState, failure: CallFailure, effects: ClientEffect[]): void {
  if (state.ended) return;
  state.ended = true;
  const pending = [...state.pending.values()];
  state.pending.clear();
  for (const { token } of pending) effects.push({ kind: "fail", token, failure });
  assert(state.pending.size === 0, "no call outlives its connection");
  effects.push({ kind: "end", failure });
}
