// Carries calls to where they belong: resolves them and sends them to the members' links or the
// functions. What one call does over all its attempts is run.ts. Callbacks instead of promises:
// this is the hot path.
import { create, toBinary } from "@bufbuild/protobuf";

import { Method, SessionRequestSchema } from "#api/gen/oaas-stream_pb.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";
import type { WireReply } from "#workloads/platform/stream/index.ts";

import type { CallSubject, Destination } from "../routing/resolve.ts";
import { resolveCall, resolveStandalone } from "../routing/resolve.ts";
import type { Caller, CallSink, GatewayCall } from "./call.ts";
import { Leaders } from "./leaders.ts";
import { MEMBER_CALLS_MAX } from "./member-pool.ts";
import type { DispatcherOptions, MemberAddress, MemberCall } from "./options.ts";
import { CallRun } from "./run.ts";
import type { Wanted } from "./sessions.ts";
import { ClientSessions } from "./sessions.ts";

/** See the head of the file. */
export class Dispatcher implements Caller {
  readonly options: DispatcherOptions;
  readonly leaders = new Leaders();
  readonly sessions = new ClientSessions((at, session, done) => this.#open(at, session, done));

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

  /** Whether a call to this member would wait for a connection. */
  isAway({ address, identity }: MemberAddress): boolean {
    return this.options.members.isAway(address, identity);
  }

  /** Sends a call to one member, without routing or retry. Answers how to cancel it. */
  send(member: MemberAddress, call: MemberCall, onReply: (reply: WireReply) => void): () => void {
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
    return link.call({ ...call, method: call.method as Method }, onReply);
  }

  #open(
    { cls, partition, timeoutMs }: Wanted,
    session: string,
    done: (fault: CallFault | undefined) => void,
  ): void {
    const message = create(SessionRequestSchema, { collection: cls, partition, session });
    const request = toBinary(SessionRequestSchema, message);
    const subject = { method: Method.OPEN_SESSION, cls, partition, zeroIsNone: false };
    this.call(
      { ...subject, object: "", fn: "", request, timeoutMs },
      { reply: () => done(undefined), fail: done },
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
