// Calls of callers that know nothing of partitions: who meets a slot that has moved is taken to its
// new owner, and waits while it is on its way. Nothing of such a call was done, so every kind of
// call may be asked again. Members and gateways route by themselves and are told instead.
import type { Responder } from "#workloads/platform/index.ts";
import { withPartition } from "#workloads/core/rest/index.ts";

import { toFailure } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";

/** A slot is on its way for a few round trips, or until a leader is elected. */
const AGAIN_MS = 20;
/** Moves that one call runs into. */
const MOVED_MAX = 8;

/** Runs a call here or where it is handed on; see the top of the file. Throws what `run` throws. */
export function following(
  call: DataCall,
  respond: Responder,
  run: (call: DataCall, answer: Responder) => Cancel,
): Cancel {
  if (call.isFromMember) return run(call, respond);
  const following = new Following(call, respond, run);
  following.start(call);
  return () => following.cancel();
}

class Following {
  readonly #respond: Responder;
  readonly #run: (call: DataCall, answer: Responder) => Cancel;
  readonly #endsAtMs: number;
  #cancel: Cancel;
  #timer: NodeJS.Timeout | undefined;
  #moved = 0;

  constructor(
    call: DataCall,
    respond: Responder,
    run: (call: DataCall, answer: Responder) => Cancel,
  ) {
    this.#respond = respond;
    this.#run = run;
    this.#endsAtMs = performance.now() + call.timeoutMs;
  }

  start(call: DataCall): void {
    let isAnswered = false;
    const cancel = this.#run(call, {
      ok: this.#respond.ok,
      fail: (failure) => {
        isAnswered = true;
        const { code, rightPartition: right } = failure;
        if (code === "SLOT_MOVING" && this.#again(call)) return;
        if (code !== "WRONG_PARTITION" || right === undefined || this.#moved >= MOVED_MAX) {
          this.#respond.fail(failure);
          return;
        }
        this.#moved += 1;
        this.#next({ ...call, request: withPartition(call.method, call.request, right) });
      },
    });
    if (!isAnswered) this.#cancel = cancel;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#cancel?.();
  }

  #again(call: DataCall): boolean {
    if (performance.now() + AGAIN_MS >= this.#endsAtMs) return false;
    this.#timer = setTimeout(() => this.#next(call), AGAIN_MS);
    return true;
  }

  #next(call: DataCall): void {
    const timeoutMs = Math.max(1, this.#endsAtMs - performance.now());
    try {
      this.start({ ...call, timeoutMs });
    } catch (cause: unknown) {
      this.#respond.fail(toFailure(cause));
    }
  }
}
