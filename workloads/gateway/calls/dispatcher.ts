// Carries a call to where it belongs: resolves it, sends it to the member's link or the function,
// turns once to the new owner when a partition has moved, and tries again only what is idempotent
// or surely was not carried out. Callbacks instead of promises: this is the hot path.
import type { Hasher } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode, withPartition } from "#workloads/core/rest/index.ts";
import type { WireReply } from "#workloads/platform/stream/index.ts";

import type { FunctionTarget } from "../routing/class-route.ts";
import type { CallSubject, Destination, MemberDestination } from "../routing/resolve.ts";
import { resolveCall, resolveStandalone } from "../routing/resolve.ts";
import type { Routes } from "../routing/table.ts";
import type { Caller, CallSink, GatewayCall } from "./call.ts";
import type { FunctionPool } from "./function-pool.ts";
import { FUNCTION_PATHS } from "./function-pool.ts";
import { listEveryPartition } from "./list-every-partition.ts";
import type { MemberPool } from "./member-pool.ts";
import { MEMBER_CALLS_MAX } from "./member-pool.ts";

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

const SAFE_METHODS: ReadonlySet<number> = new Set([
  Method.GET,
  Method.LIST_OBJECTS,
  Method.GET_VALUE,
  Method.LIST_VALUES,
  Method.STATS,
  Method.CAPABILITIES,
]);

/** The link's own word for a connection that never was, inside of LINK_LOST. */
const NEVER_CONNECTED = /No connection established|Name resolution failed/;

/** See the head of the file. */
export class Dispatcher implements Caller {
  readonly options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.options = options;
  }

  /** Where a call would go now. */
  resolve(subject: CallSubject): Destination {
    const { targets, hash } = this.options;
    return targets.kind === "routed"
      ? resolveCall(targets.routes, subject, hash)
      : resolveStandalone(targets.address, subject);
  }

  /** Starts a call; answers how to cancel it (the sink hears nothing after that). */
  call(call: GatewayCall, sink: CallSink): () => void {
    const run = new CallRun(this, call, sink);
    run.start();
    return () => run.cancel();
  }

  /** Sends a call to one member, without routing or retry. Answers how to cancel it. */
  send(
    member: MemberAddress,
    call: Pick<GatewayCall, "method" | "request"> & {
      readonly timeoutMs: number;
      readonly generation: bigint;
    },
    onReply: (reply: WireReply) => void,
  ): () => void {
    const link = this.options.members.get(member.address, member.identity);
    if (typeof link === "string") {
      onReply(refusal(GrpcCode.unavailable, "INVALID_LINK", link));
      return () => undefined;
    }
    if (link.inflight >= MEMBER_CALLS_MAX) {
      const message = "too many calls of this member are in flight";
      onReply(refusal(GrpcCode.resourceExhausted, "OVERLOADED", message));
      return () => undefined;
    }
    return link.call(
      {
        method: call.method as Method,
        request: call.request,
        timeoutMs: call.timeoutMs,
        generation: call.generation,
      },
      onReply,
    );
  }

  /** Every member that owns something, once. */
  members(): readonly MemberAddress[] {
    const { targets } = this.options;
    if (targets.kind === "standalone") return [{ address: targets.address, identity: "" }];
    const found = new Map<string, MemberAddress>();
    for (const route of targets.routes.all()) {
      for (const address of route.links) {
        if (address === "") continue;
        found.set(`${route.linkIdentity}@${address}`, { address, identity: route.linkIdentity });
      }
    }
    return [...found.values()];
  }
}

function refusal(code: number, reason: string, message: string): WireReply {
  return {
    id: 0,
    code,
    reason,
    message,
    response: new Uint8Array(0),
    more: false,
    rightPartition: 0,
    generation: 0n,
  };
}

/** One call from start to end, over all its attempts. */
class CallRun {
  readonly #dispatcher: Dispatcher;
  readonly #call: GatewayCall;
  readonly #sink: CallSink;
  readonly #startedMs = performance.now();
  #deadlineAtMs: number;
  #cancelAttempt: () => void = () => undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #delivered = false;
  #rerouted = false;
  /** The last member could not take the call; the next attempt asks a member of any kind. */
  #elsewhere = false;
  #ended = false;

  constructor(dispatcher: Dispatcher, call: GatewayCall, sink: CallSink) {
    this.#dispatcher = dispatcher;
    this.#call = call;
    this.#sink = sink;
    const timeoutMs = call.timeoutMs ?? dispatcher.options.requestTimeoutMs;
    this.#deadlineAtMs = this.#startedMs + timeoutMs;
  }

  start(): void {
    const destination = this.#dispatcher.resolve(this.#call);
    switch (destination.kind) {
      case "fault":
        this.#fail(destination.fault);
        return;
      case "every-partition":
        this.#cancelAttempt = listEveryPartition(
          this.#dispatcher,
          destination.route,
          { ...this.#call, timeoutMs: this.#remainingMs(undefined) },
          this.#sink,
        );
        return;
      case "function":
        this.#callFunction(destination.partition, destination.fn);
        return;
      case "member":
        this.#callMember(this.#reachable(destination), this.#requestFor(destination.partition));
        return;
    }
  }

  /**
   * The owner of the partition, or after it could not take the call any member: it hands the call
   * to another replica if there is one. Turn by turn, because either may be the one that works.
   */
  #reachable(destination: MemberDestination): MemberDestination {
    const elsewhere = this.#elsewhere;
    this.#elsewhere = false;
    const address = destination.anyAddress;
    return elsewhere && address !== "" ? { ...destination, address } : destination;
  }

  cancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    this.#cancelAttempt();
  }

  #requestFor(partition: number): Uint8Array {
    const { method, request } = this.#call;
    if (this.#call.partition === partition) return request;
    return withPartition(method, request, partition);
  }

  /** What is left. A function's own time counts instead of the default, never beyond a wish. */
  #remainingMs(fn: FunctionTarget | undefined): number {
    if (fn !== undefined && fn.timeoutMs > 0) {
      const ownEndAtMs = this.#startedMs + fn.timeoutMs;
      const given = this.#call.timeoutMs !== undefined;
      this.#deadlineAtMs = given ? Math.min(this.#deadlineAtMs, ownEndAtMs) : ownEndAtMs;
    }
    return Math.max(1, this.#deadlineAtMs - performance.now());
  }

  #callFunction(partition: number, fn: FunctionTarget): void {
    const path =
      this.#call.method === Method.INVOKE_OBJ ? FUNCTION_PATHS.invokeObj : FUNCTION_PATHS.invokeFn;
    const request = this.#requestFor(partition);
    this.#cancelAttempt = this.#dispatcher.options.functions.call(
      { url: fn.url, path, request, timeoutMs: this.#remainingMs(fn) },
      {
        done: (response) => {
          this.#ended = true;
          this.#sink.reply(response, false);
        },
        fail: ({ fault, maybeSent }) => {
          const retriable = fault.code === GrpcCode.unavailable && (!maybeSent || fn.immutable);
          if (!(retriable && this.#again())) this.#fail(fault);
        },
      },
    );
  }

  #callMember(destination: MemberDestination, request: Uint8Array): void {
    const { method } = this.#call;
    const call = {
      method,
      request,
      timeoutMs: this.#remainingMs(destination.fn),
      generation: destination.generation,
    };
    this.#cancelAttempt = this.#dispatcher.send(destination, call, (reply) => {
      if (this.#ended) return;
      if (reply.code === GrpcCode.ok) this.#deliver(reply);
      else if (!this.#turn(destination, reply)) this.#refused(destination, reply);
    });
  }

  #deliver(reply: WireReply): void {
    this.#delivered = true;
    if (!reply.more) this.#ended = true;
    this.#sink.reply(reply.response, reply.more);
  }

  /**
   * The partition has moved and the member knows better than our table: once, ask the new owner.
   */
  #turn(destination: MemberDestination, reply: WireReply): boolean {
    const { reroute, generation } = destination;
    if (reply.reason !== "WRONG_PARTITION" || reroute === undefined) return false;
    if (this.#rerouted || this.#delivered || reply.generation <= generation) return false;
    this.#rerouted = true;
    const turned = {
      ...destination,
      address: reroute,
      partition: reply.rightPartition,
      generation: 0n,
      reroute: undefined,
    };
    this.#callMember(
      turned,
      withPartition(this.#call.method, this.#call.request, turned.partition),
    );
    return true;
  }

  #refused(destination: MemberDestination, reply: WireReply): void {
    const fault = { code: reply.code, reason: reply.reason, message: reply.message };
    const neverLeft = reply.reason === "LINK_LOST" && NEVER_CONNECTED.test(reply.message);
    const safe = SAFE_METHODS.has(this.#call.method) || destination.fn?.immutable === true;
    const retriable =
      isNotDone(reply.reason) || neverLeft || (reply.reason === "LINK_LOST" && safe);
    this.#elsewhere = retriable && !this.#wasElsewhere(destination);
    if (!(retriable && this.#again())) this.#fail(fault);
  }

  #wasElsewhere(destination: MemberDestination): boolean {
    return destination.address === destination.anyAddress;
  }

  /** Schedules another attempt if there is one left and time for it. */
  #again(): boolean {
    const { retryAttempts, retryBackoffMs, random, onRetry } = this.#dispatcher.options;
    if (this.#ended) return true;
    if (this.#delivered || this.#attempts >= retryAttempts) return false;
    const jitter = 0.5 + (random ?? Math.random)() / 2;
    const delayMs = retryBackoffMs * 2 ** this.#attempts * jitter;
    if (performance.now() + delayMs >= this.#deadlineAtMs) return false;
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.start(), delayMs);
    onRetry?.();
    return true;
  }

  #fail(fault: CallFault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink.fail(fault);
  }
}
