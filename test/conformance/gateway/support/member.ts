// A member whose answers the test writes: oaas.Link on loopback, in the test's own process.
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { GrpcFailure, startGrpcServer } from "#workloads/platform/grpc/index.ts";
import type { Responder, WireCall } from "#workloads/platform/stream/index.ts";
import { addExchange } from "#workloads/platform/stream/index.ts";
import type { TlsFolder } from "#workloads/platform/tls/index.ts";

/** What a member does with a call; may answer how to cancel it. */
export type Script = (call: WireCall, respond: Responder) => (() => void) | void;

/** A member that listens. */
export interface ScriptedMember {
  readonly address: string;
  /** Calls that came in, in order, without cancels. */
  readonly calls: readonly WireCall[];
  script: Script;
  close(): Promise<void>;
}

/** Fails a call as a member does. */
export function refuse(
  respond: Responder,
  code: number,
  reason: string,
  more: { readonly rightPartition?: number; readonly generation?: bigint } = {},
): void {
  respond.fail(new GrpcFailure(code, reason, `scripted ${reason}`, more));
}

/** Starts a member; until a script is set it answers every call with an empty message. */
export async function startMember(options: {
  readonly service: "Link" | "DataStream";
  readonly tls?: { readonly folder: TlsFolder; readonly admit: readonly string[] };
  readonly port?: number;
}): Promise<ScriptedMember> {
  const calls: WireCall[] = [];
  const member = { script: ((_call, respond) => respond.ok([new Uint8Array(0)])) as Script };
  const server = await startGrpcServer(
    {
      listen: { host: "127.0.0.1", port: options.port ?? 0 },
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    },
    (grpc) =>
      addExchange(grpc, options.service, (call, respond) => {
        if (call.method !== Method.CANCEL) calls.push(call);
        return member.script(call, respond) ?? undefined;
      }),
  );
  return {
    address: `127.0.0.1:${server.port}`,
    calls,
    get script() {
      return member.script;
    },
    set script(next) {
      member.script = next;
    },
    close: () => server.close(0),
  };
}
