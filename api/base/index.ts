// Public face of the vocabulary under everything.
export { assert, assertNever, AssertionError } from "./assert.ts";
export type { Brand } from "./brand.ts";
export { errorMessage, PlatformError } from "./errors.ts";
export type { Retry } from "./errors.ts";
export type { Clock, Hasher, LogFields, Logger, Rng } from "./ports.ts";
export { utf8Decode, utf8Encode } from "./utf8.ts";
