// Public face of the key/value engines.
export { openLmdbStore, storeCrc32 } from "./lmdb.ts";
