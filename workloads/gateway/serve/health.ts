// grpc.health.v1.Health: Check, and Watch that tells every change. The messages have one field each
// and are read and written by hand (grpc/health/v1/health.proto).
import type { GrpcMethod, GrpcServerCall } from "./grpc.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";
import { DataService } from "#api/gen/oprc-data_pb.ts";
import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
const WATCH_INTERVAL_MS = 1000;

const KNOWN: ReadonlySet<string> = new Set(["", DataService.typeName, OprcFunction.typeName]);

/** The `service` of a HealthCheckRequest; undefined if the bytes are none. */
function parseService(request: Buffer): string | undefined {
  try {
    const reader = new BinaryReader(request);
    let service = "";
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) service = reader.string();
      else reader.skip(wireType);
    }
    return service;
  } catch {
    return undefined;
  }
}

function response(status: number): Uint8Array {
  return new BinaryWriter().uint32(8).int32(status).finish();
}

/** Check and Watch; `ready` answers undefined when well. */
export function healthMethods(ready: () => string | undefined): [string, GrpcMethod][] {
  const statusOf = (service: string): number => {
    if (!KNOWN.has(service)) return SERVICE_UNKNOWN;
    return ready() === undefined ? SERVING : NOT_SERVING;
  };
  const malformed = (call: GrpcServerCall): void =>
    call.fail({ code: GrpcCode.invalidArgument, reason: "", message: "malformed request" });
  const check = (request: Buffer, call: GrpcServerCall): void => {
    const service = parseService(request);
    if (service === undefined) {
      malformed(call);
    } else if (!KNOWN.has(service)) {
      call.fail({ code: GrpcCode.notFound, reason: "", message: `unknown service ${service}` });
    } else {
      call.reply(response(statusOf(service)), false);
    }
  };
  const watch = (request: Buffer, call: GrpcServerCall): void => {
    const service = parseService(request);
    if (service === undefined) {
      malformed(call);
      return;
    }
    let told = statusOf(service);
    call.reply(response(told), true);
    const timer = setInterval(() => {
      const now = statusOf(service);
      if (now === told) return;
      told = now;
      call.reply(response(now), true);
    }, WATCH_INTERVAL_MS);
    timer.unref();
    call.onGone(() => clearInterval(timer));
  };
  return [
    ["/grpc.health.v1.Health/Check", { kind: "single", serve: check }],
    ["/grpc.health.v1.Health/Watch", { kind: "single", serve: watch }],
  ];
}
