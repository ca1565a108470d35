// One call from start to end, over all its attempts. It follows the leader of a partition, turns to
// the new owner when a slot has moved, and tries again, within its deadline, only what
// is safe: what surely was not done, what changes nothing, and writes that the partition recognises
// when they come again. Whatever else may have been done ends as OUTCOME_UNKNOWN.
import { assert } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { CallIdentity, ReadDemand } from "#workloads/core/demand/index.ts";
import { encodeSessionToken, MARKS_MAX, mergeMarks } from "#workloads/core/demand/index.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode, withPartition } from "#workloads/core/rest/index.ts";
import type { WireReply } from "#workloads/platform/stream/index.ts";

import type { FunctionTarget } from "../routing/class-route.ts";
import type { CallSubject, Destination, MemberDestination } from "../routing/resolve.ts";
import type { Caller, CallSink, GatewayCall } from "./call.ts";
import type { DispatcherOptions, MemberAddress, MemberCall } from "./options.ts";
import { FUNCTION_PATHS } from "./function-pool.ts";
import type { Leaders } from "./leaders.ts";
import type { ClientSessions, Turn } from "./sessions.ts";

/** What a call runs on. */
export interface RunHost extends Caller {
  readonly options: DispatcherOptions;
  readonly leaders: Leaders;
  readonly sessions: ClientSessions;
  resolve(subject: CallSubject): Destination;
  isAway(member: MemberAddress): boolean;
  send(member: MemberAddress, call: MemberCall, onReply: (reply: WireReply) => void): () => void;
}

const READS: ReadonlySet<number> = new Set([
  Method.GET,
  Method.LIST_OBJECTS,
  Method.GET_VALUE,
  Method.LIST_VALUES,
  Method.STATS,
  Method.CAPABILITIES,
]);

/** Opening a session that is open keeps it. */
const REPEATABLE: ReadonlySet<number> = new Set([...READS, Method.OPEN_SESSION]);

const WRITES: ReadonlySet<number> = new Set([
  Method.SET,
  Method.MERGE,
  Method.DELETE,
  Method.SET_VALUE,
  Method.DELETE_VALUE,
  Method.BATCH_SET_VALUES,
]);

/** Moves of slots that one call runs into. */
const TURNS_MAX = 4;
/** Hints that one call follows at once; beyond, each costs an attempt. */
const HINTS_MAX = 4;
/** Each replica is asked more often before any member is: that may be the one that is gone. */
const ASKED_BEFORE_ANY = 1.5;
/** A group elects a leader within two seconds; it is asked this often at most. */
const PATIENT_ATTEMPTS_MAX = 64;
const PATIENT_BACKOFF_MAX_MS = 250;

/** See the head of the file. */
export class CallRun {
  readonly #host: RunHost;
  readonly #call: GatewayCall;
  readonly #sink: CallSink;
  readonly #startedMs = performance.now();
  #deadlineAtMs: number;
  #cancelAttempt: () => void = () => undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #hints = 0;
  /** How often a member refused this call, by address. */
  readonly #refusals = new Map<string, number>();
  /** The number of this write in a session of the gateway. */
  #turn: Turn | undefined;
  /** What a member that could be asked said last, if nothing was done. */
  #told: CallFault | undefined;
  /** An attempt ended without telling whether it was carried out. */
  #inDoubt = false;
  #delivered = false;
  /** Where the object is, as a member has said: its slot has moved and our table is older. */
  #moved: number | undefined;
  #turns = 0;
  #ended = false;

  constructor(host: RunHost, call: GatewayCall, sink: CallSink) {
    this.#host = host;
    this.#call = call;
    this.#sink = sink;
    const timeoutMs = call.timeoutMs ?? host.options.requestTimeoutMs;
    this.#deadlineAtMs = this.#startedMs + timeoutMs;
  }

  start(): void {
    const moved = this.#moved;
    const destination = this.#host.resolve(
      moved === undefined ? this.#call : { ...this.#call, moved },
    );
    switch (destination.kind) {
      case "fault":
        this.#fail(destination.fault);
        return;
      case "function":
        this.#callFunction(destination.partition, destination.fn);
        return;
      case "member":
        this.#begin(destination);
        return;
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#end();
    this.#cancelAttempt();
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    this.#turn?.end();
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
    if (this.#call.headers?.idempotencyKey !== undefined && !fn.immutable) {
      const message = `function "${fn.name}" keeps no state in which a key could be remembered`;
      this.#fail({ code: GrpcCode.unimplemented, reason: "UNSUPPORTED", message });
      return;
    }
    const path =
      this.#call.method === Method.INVOKE_OBJ ? FUNCTION_PATHS.invokeObj : FUNCTION_PATHS.invokeFn;
    const request = this.#requestFor(partition);
    this.#cancelAttempt = this.#host.options.functions.call(
      { url: fn.url, path, request, timeoutMs: this.#remainingMs(fn) },
      {
        done: (response) => {
          this.#end();
          this.#sink.reply(response, false);
        },
        fail: ({ fault, maybeSent }) => {
          const retriable = fault.code === GrpcCode.unavailable && (!maybeSent || fn.immutable);
          if (!(retriable && this.#again(false))) this.#fail(fault);
        },
      },
    );
  }

  /** With a leader a write gets a number in a session first, unless the caller sent a key. */
  #begin(destination: MemberDestination): void {
    const { method, cls, headers } = this.#call;
    const isWrite = WRITES.has(method);
    const { partition } = destination;
    const session = headers?.session ?? [];
    const isKnown = session.some((mark) => mark.cls === cls && mark.partition === partition);
    if (isWrite && session.length >= MARKS_MAX && !isKnown) {
      const message = `the session has written to ${MARKS_MAX} partitions: begin a new one`;
      this.#fail({ code: GrpcCode.invalidArgument, reason: "INVALID_SESSION_TOKEN", message });
      return;
    }
    const needsTurn = isWrite && destination.hasLeader && headers?.idempotencyKey === undefined;
    if (!needsTurn || this.#turn !== undefined) {
      this.#ask(destination);
      return;
    }
    const timeoutMs = this.#remainingMs(destination.fn);
    // The write itself has not left: a session is the leader's to give.
    const message = "no leader has answered in time";
    const late = { code: GrpcCode.unavailable, reason: "NO_LEADER", message };
    const timer = setTimeout(() => this.#fail(late), timeoutMs);
    this.#host.sessions.turn({ cls, partition, timeoutMs }, (turn) => {
      clearTimeout(timer);
      if ("code" in turn) {
        // It may have been opened for somebody who has less time.
        const mayCome = isNotDone(turn.reason) || turn.code === GrpcCode.deadlineExceeded;
        this.#note(turn);
        if (!(mayCome && this.#again(true))) this.#fail(turn);
        return;
      }
      this.#turn = turn;
      if (this.#ended) turn.end();
      else this.#ask(destination);
    });
  }

  #ask(destination: MemberDestination): void {
    const address = this.#candidate(destination);
    this.#callMember({ ...destination, address }, this.#requestFor(destination.partition));
  }

  /**
   * The leader if one is known, else the owner; after refusals, in turn, the other members that
   * hold the partition and then any member, because it may know others. Whoever is away is asked
   * after those who were not asked yet; where there is a leader it is left out while somebody else
   * is there, because another one will lead, but an owner without a group has to be asked again.
   */
  #candidate(destination: MemberDestination): string {
    const { partition, address, replicas, anyAddress, identity, hasLeader } = destination;
    const leader = this.#host.leaders.get(this.#call.cls, partition);
    const all = [leader ?? address, address, ...replicas.map((other) => other.address), anyAddress];
    const candidates = [...new Set(all)].filter((candidate) => candidate !== "");
    const isAway = (other: string): boolean => this.#host.isAway({ address: other, identity });
    const there = candidates.filter((other) => !isAway(other));
    const asked = hasLeader && there.length > 0 ? there : candidates;
    const refused = (other: string): number =>
      this.#refusals.get(other) ?? (isAway(other) ? 0.5 : 0);
    const isLate = (other: string): boolean =>
      hasLeader && replicas.length > 1 && other === anyAddress;
    const rank = (other: string): number => refused(other) + (isLate(other) ? ASKED_BEFORE_ANY : 0);
    const [chosen] = asked.toSorted((one, two) => rank(one) - rank(two));
    assert(chosen !== undefined, "a member destination has an address");
    return chosen;
  }

  #callMember(destination: MemberDestination, request: Uint8Array): void {
    const { method, headers } = this.#call;
    const call = {
      method,
      request,
      timeoutMs: this.#remainingMs(destination.fn),
      generation: destination.generation,
      identity: READS.has(method) ? undefined : this.#identity(),
      demand: READS.has(method) ? this.#demand(destination.partition) : undefined,
      wantsHint: destination.hasLeader,
      token: headers?.token,
    };
    let isAnswered = false;
    const cancel = this.#host.send(destination, call, (reply) => {
      isAnswered ||= !reply.more;
      if (this.#ended) return;
      if (reply.code === GrpcCode.ok) this.#deliver(destination, reply);
      else if (!this.#turnTo(destination, reply)) this.#refused(destination, reply);
    });
    // If it was answered at once another attempt may be under way already.
    if (!isAnswered) this.#cancelAttempt = cancel;
  }

  #identity(): CallIdentity | undefined {
    const key = this.#call.headers?.idempotencyKey;
    return key === undefined ? this.#turn?.identity() : { kind: "key", key };
  }

  #demand(partition: number): ReadDemand | undefined {
    const { headers, cls } = this.#call;
    if (headers === undefined) return undefined;
    const marks = (headers.session ?? []).filter(
      (mark) => mark.cls === cls && mark.partition === partition,
    );
    const { strong, boundMs } = headers.demand;
    if (!strong && boundMs === undefined && marks.length === 0) return undefined;
    return { strong, boundMs, marks };
  }

  #deliver(destination: MemberDestination, reply: WireReply): void {
    this.#delivered = true;
    const { cls, method, headers } = this.#call;
    const { partition, address, hasLeader, replicas } = destination;
    // Whoever is asked as "any member" has handed the call on.
    const isReplica = replicas.some((replica) => replica.address === address);
    if (hasLeader && isReplica && !READS.has(method)) {
      this.#host.leaders.remember(cls, partition, address);
    }
    if (!reply.more) this.#end();
    const { mark, repeated } = reply;
    const keepsSession = headers?.session !== undefined || replicas.length > 1;
    if (mark === undefined || !keepsSession) {
      this.#sink.reply(reply.response, reply.more, repeated === true ? { repeated } : undefined);
      return;
    }
    const { incarnation, index } = mark;
    const placed = { cls, partition, incarnation, index };
    const sessionToken = encodeSessionToken(mergeMarks(headers?.session ?? [], placed));
    this.#sink.reply(reply.response, reply.more, { sessionToken, repeated });
  }

  /**
   * The slot has moved and the member knows better than our table: nothing was done, so the new
   * owner is asked.
   */
  #turnTo(destination: MemberDestination, reply: WireReply): boolean {
    const { reroute } = destination;
    const { reason, rightPartition: right } = reply;
    if (reason !== "WRONG_PARTITION" || reroute === undefined) return false;
    const isNews = right !== destination.partition && this.#call.object !== "";
    if (this.#delivered || !isNews || this.#turns >= TURNS_MAX) return false;
    this.#turns += 1;
    // A session of the old partition has gone along, for writes of which nobody knows yet.
    if (!this.#inDoubt) {
      this.#turn?.end();
      this.#turn = undefined;
    }
    this.#moved = right;
    const turned = this.#host.resolve({ ...this.#call, moved: right });
    if (turned.kind === "member" && turned.partition === right) {
      this.#begin(turned);
      return true;
    }
    // A partition that our table does not know yet.
    this.#moved = undefined;
    const request = withPartition(this.#call.method, this.#call.request, right);
    const unknown = { replicas: [], generation: 0n, reroute: undefined };
    this.#callMember({ ...destination, ...unknown, address: reroute, partition: right }, request);
    return true;
  }

  #refused(destination: MemberDestination, reply: WireReply): void {
    const { code, reason, message } = reply;
    const { partition, address } = destination;
    if (this.#followHint(destination, reply)) return;
    // A slot on its way is nothing about the member: the next try is its, too.
    if (reason !== "SLOT_MOVING") {
      this.#host.leaders.forget(this.#call.cls, partition, address);
      this.#refusals.set(address, (this.#refusals.get(address) ?? 0) + 1);
    }
    const mayBeDone = reason === "LINK_LOST" || reason === "OUTCOME_UNKNOWN";
    const isRepeatable = REPEATABLE.has(this.#call.method) || destination.fn?.immutable === true;
    if (mayBeDone && !isRepeatable) this.#inDoubt = true;
    this.#note(reply);
    if (reason === "SESSION_EXPIRED" && this.#turn !== undefined) {
      this.#turn.expire();
      this.#turn.end();
      this.#turn = undefined;
      // Nothing that was sent under the session before can be told apart any more.
      if (!this.#inDoubt && this.#again(true)) return;
    }
    const isKnown = this.#identity() !== undefined && reason !== "SESSION_EXPIRED";
    const isSafe = isNotDone(reason) || (mayBeDone && (isRepeatable || isKnown));
    const isPatient = destination.hasLeader || this.#inDoubt || reason === "SLOT_MOVING";
    if (!(isSafe && this.#again(isPatient))) this.#fail({ code, reason, message });
  }

  /** Another member leads, and this one says who: that one is asked at once. */
  #followHint(destination: MemberDestination, reply: WireReply): boolean {
    const { leader, reason } = reply;
    if (reason !== "NOT_LEADER" || leader === undefined || this.#hints >= HINTS_MAX) return false;
    const listed = destination.replicas.find(({ member }) => member === leader.member);
    const address = listed?.address ?? leader.address;
    if (address === "" || address === destination.address) return false;
    // The member has not noticed yet; another one will lead.
    if (this.#host.isAway({ address, identity: destination.identity })) return false;
    this.#hints += 1;
    this.#host.leaders.remember(this.#call.cls, destination.partition, address);
    this.#callMember({ ...destination, address }, this.#requestFor(destination.partition));
    return true;
  }

  /**
   * Schedules another attempt if there is one left and time for it. Patience is for what a new
   * leader or a member that comes back will settle.
   */
  #again(isPatient: boolean): boolean {
    const { retryAttempts, retryBackoffMs, random, onRetry } = this.#host.options;
    if (this.#ended) return true;
    const attemptsMax = isPatient ? Math.max(retryAttempts, PATIENT_ATTEMPTS_MAX) : retryAttempts;
    if (this.#delivered || this.#attempts >= attemptsMax) return false;
    const jitter = 0.5 + (random ?? Math.random)() / 2;
    const backoffMs = retryBackoffMs * 2 ** this.#attempts;
    const delayMs = (isPatient ? Math.min(backoffMs, PATIENT_BACKOFF_MAX_MS) : backoffMs) * jitter;
    if (performance.now() + delayMs >= this.#deadlineAtMs) return false;
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.start(), delayMs);
    onRetry?.();
    return true;
  }

  #note({ code, reason, message }: CallFault): void {
    if (isNotDone(reason) && reason !== "LINK_DOWN") this.#told = { code, reason, message };
  }

  /** The fault as a caller shall hear it that knows nothing of members. */
  #outward(fault: CallFault): CallFault {
    // That one member could not be reached explains less than what another one has said.
    const isLink = fault.reason === "LINK_DOWN" || fault.reason === "LINK_LOST";
    const { code, reason, message } = isLink ? (this.#told ?? fault) : fault;
    if (reason !== "NOT_LEADER") return { code, reason, message };
    return { code, reason: "NO_LEADER", message: "no leader could be reached in time" };
  }

  #fail(fault: CallFault): void {
    if (this.#ended) return;
    this.#end();
    const isDoubtful = this.#inDoubt && !isVerdict(fault);
    this.#sink.fail(isDoubtful ? unknownOutcome(fault) : this.#outward(fault));
  }
}

/**
 * Whether the failure was decided by the partition itself, which knows the write by its identity:
 * then it is also the answer of an earlier attempt. A deadline says by itself that nobody knows.
 */
function isVerdict({ code, reason }: CallFault): boolean {
  switch (code) {
    case GrpcCode.unavailable:
    case GrpcCode.unknown:
    case GrpcCode.resourceExhausted:
    case GrpcCode.internal:
      return false;
    case GrpcCode.failedPrecondition:
      return reason === "KEY_REUSED";
    default:
      return true;
  }
}

function unknownOutcome({ message }: CallFault): CallFault {
  const advice = "it may have been carried out; with Idempotency-Key it can be sent again safely";
  return { code: GrpcCode.unknown, reason: "OUTCOME_UNKNOWN", message: `${message}: ${advice}` };
}
