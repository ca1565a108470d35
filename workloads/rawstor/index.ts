// Public face: a client of one Rawstor target. Redundancy over several targets will stand on it.
export { OstClient } from "./client.ts";
export type { OstClientOptions } from "./client.ts";
export type { ConnectionTimeouts, TargetAddress } from "./connection.ts";
export { RawstorError } from "./errors.ts";
export type { RawstorErrorCode } from "./errors.ts";
export type { RemoteObject } from "./object.ts";
export type { RetryPolicy } from "./retry.ts";
