// The few system calls that Node does not offer, through koffi: flock, fallocate, preadv2. Linux
// only; bound at first use, so that importing this on another system is harmless.
import koffi from "koffi";

import { FilesError } from "./errors.ts";

interface Libc {
  readonly flock: (fd: number, operation: number) => number;
  readonly fallocate: (fd: number, mode: number, offset: number, length: number) => number;
  readonly preadv2: (fd: number, iov: Buffer, count: number, at: number, flags: number) => number;
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const RWF_NOWAIT = 8;

let bound: Libc | undefined;

function libc(): Libc {
  if (bound !== undefined) return bound;
  if (process.platform !== "linux") {
    throw new FilesError(
      "FILES_UNSUPPORTED",
      `flock and fallocate need Linux, not ${process.platform}`,
    );
  }
  const self = koffi.load(null);
  bound = {
    flock: self.func("int flock(int fd, int operation)"),
    fallocate: self.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)"),
    preadv2: self.func(
      "int64_t preadv2(int fd, const void *iov, int count, int64_t offset, int flags)",
    ),
  };
  return bound;
}

function failure(call: string): FilesError {
  const errno = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0];
  const code = name === "ENOSPC" ? "FILES_NO_SPACE" : "FILES_IO";
  return new FilesError(code, `${call}: ${name ?? `errno ${String(errno)}`}`);
}

/**
 * Takes an exclusive advisory lock on the open file, without waiting. True if it is held now, false
 * if another open file description holds it. The lock goes with the last descriptor, so a killed
 * process leaves none. Throws FILES_IO, FILES_UNSUPPORTED.
 */
export function lockExclusive(fd: number): boolean {
  const { flock } = libc();
  for (;;) {
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
    const errno = koffi.errno();
    if (errno === koffi.os.errno["EAGAIN"]) return false;
    if (errno !== koffi.os.errno["EINTR"]) throw failure("flock");
  }
}

function fallocate(call: string, fd: number, mode: number, offset: number, length: number): void {
  const libc_ = libc();
  while (libc_.fallocate(fd, mode, offset, length) !== 0) {
    if (koffi.errno() !== koffi.os.errno["EINTR"]) throw failure(call);
  }
}

/**
 * Gives the range back to the file system; it reads as zeros afterwards and the file keeps its
 * size. Durable only after fdatasync. Throws FILES_IO, FILES_UNSUPPORTED.
 */
export function punchHole(fd: number, offset: number, length: number): void {
  fallocate("punch hole", fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/**
 * Makes sure that the range has blocks, growing the file if need be: later writes there cannot fail
 * for lack of space. Throws FILES_NO_SPACE, FILES_IO, FILES_UNSUPPORTED.
 */
export function reserveSpace(fd: number, offset: number, length: number): void {
  fallocate("reserve", fd, 0, offset, length);
}

const iov = Buffer.alloc(16);

/**
 * Reads what the page cache holds, never waiting for the disk: the number of bytes read from
 * `position` on (short at the end of the file or of the cached part), or undefined if nothing is
 * cached or the file system cannot tell. Costs 1.5 us; `buffer` must be writable memory.
 */
export function readCached(fd: number, buffer: Uint8Array, position: number): number | undefined {
  const { preadv2 } = libc();
  if (buffer.byteLength === 0) return 0;
  iov.writeBigUInt64LE(BigInt(koffi.address(buffer)), 0);
  iov.writeBigUInt64LE(BigInt(buffer.byteLength), 8);
  const count = preadv2(fd, iov, 1, position, RWF_NOWAIT);
  if (count >= 0) return count;
  const errno = koffi.errno();
  if (errno === koffi.os.errno["EIO"]) throw failure("preadv2");
  return undefined;
}
