// Public face of the key/value engines.
export { storeCrc32 } from "./crc32.ts";
export { openLmdbStore } from "./lmdb-store.ts";
