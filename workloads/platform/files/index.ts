// Public face: files with fsync, flock and fallocate.
export {
  openOrCreate,
  readFully,
  readFullySync,
  replaceFile,
  syncData,
  syncDirectory,
  writeFullySync,
} from "./durable.ts";
export { FilesError, isNoSuchFile, toFilesError } from "./errors.ts";
export type { FilesErrorCode } from "./errors.ts";
export { GroupSync } from "./group-sync.ts";
export { lockExclusive, punchHole, readCached, reserveSpace } from "./libc.ts";
