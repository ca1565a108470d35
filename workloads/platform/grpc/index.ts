// Public face of gRPC for workloads.
export { createGrpcClient, openChannel } from "./client.ts";
export type { ClientCallOptions, GrpcClient, GrpcTarget } from "./client.ts";
export {
  bufferOf,
  encodeMessage,
  messageDefinition,
  methodPath,
  rawDefinition,
  same,
} from "./definition.ts";
export {
  fromServiceError,
  GENERATION_TRAILER,
  GrpcFailure,
  REASON_TRAILER,
  RIGHT_PARTITION_TRAILER,
  toStatus,
} from "./failure.ts";
export type { FailureFields } from "./failure.ts";
export { addHealthService } from "./health-service.ts";
export type { HealthServiceOptions } from "./health-service.ts";
export { addReflection } from "./reflection.ts";
export {
  addService,
  GRPC_MESSAGE_BYTES_MAX,
  shuttingDown,
  startGrpcServer,
  whenClosing,
} from "./server.ts";
export type { GrpcServer, GrpcServerOptions, ServerContext, ServiceHandlers } from "./server.ts";
