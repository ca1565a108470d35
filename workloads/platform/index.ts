// Public face of what every workload needs of the world. Folders with native code (files, hash, kv)
// have faces of their own, so that only who needs them loads them.
export { systemClock, systemRng } from "./clock/index.ts";
export * from "./grpc/index.ts";
export { startHealthServer } from "./http/index.ts";
export type { HealthServer, HealthServerOptions } from "./http/index.ts";
export { createLogger, silentLogger } from "./log/index.ts";
export type { LogOptions } from "./log/index.ts";
export { exitOnSignal, runShutdown } from "./shutdown/index.ts";
export type { ShutdownResult, ShutdownStep } from "./shutdown/index.ts";
export * from "./stream/index.ts";
export { isAdmitted, openTlsFolder, TlsError, TlsFolder, uriNames } from "./tls/index.ts";
export type { TlsFolderOptions, TlsMaterial } from "./tls/index.ts";
