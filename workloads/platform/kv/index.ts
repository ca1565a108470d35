// Public face of the key/value engines.
export { storeCrc32 } from "./crc32.ts";
export type { EngineGround, EngineLimits } from "./engine-parts.ts";
export { ENGINE_LIMITS } from "./engine-parts.ts";
export { openLmdbStore } from "./lmdb-store.ts";
export type { LogStoreOptions } from "./log-store.ts";
export { CHECKPOINT_FILE, LOG_FOLDER, openLogStore } from "./log-store.ts";
export type { OpenOutcome } from "./open.ts";
export { openEngine } from "./open.ts";
export type { CompactReport } from "./compact.ts";
export { clearCompaction, compactStore } from "./compact.ts";
