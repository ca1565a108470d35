// Reads and writes that are whole, and writes that are durable when they return. Descriptors are
// plain numbers so that the synchronous calls, which are forty times cheaper on cached pages, and
// the asynchronous ones work on the same file.
import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  open,
  openSync,
  read,
  readSync,
  writeSync,
} from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

import { toFilesError } from "./errors.ts";

const openFile = promisify(open);
const fsyncFd = promisify(fsync);
const fdatasyncFd = promisify(fdatasync);

/**
 * Returns once the file's data, and the metadata needed to read it, are on stable storage. Throws
 * FILES_IO; never call it again for the same writes then, the kernel has forgotten them.
 */
export async function syncData(fd: number): Promise<void> {
  try {
    await fdatasyncFd(fd);
  } catch (cause: unknown) {
    throw toFilesError("fdatasync", cause);
  }
}

/** Returns once names made, renamed or removed in this folder before the call are durable. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const fd = await openFile(path, "r");
    try {
      await fsyncFd(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause: unknown) {
    throw toFilesError(`sync folder ${path}`, cause);
  }
}

/**
 * Replaces the file by exactly these bytes: after a crash at any point it holds the old or the new
 * content. Durable when it returns. Uses `<path>.tmp`.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeFile(temporary, bytes, { flush: true, mode: 0o600 });
    await rename(temporary, path);
  } catch (cause: unknown) {
    throw toFilesError(`replace ${path}`, cause);
  }
  await syncDirectory(dirname(path));
}

/** Opens for reading and writing, made with mode 0600 if absent. The caller closes it. */
export function openOrCreate(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause: unknown) {
    throw toFilesError(`open ${path}`, cause);
  }
}

/** Writes all of `data` at `position`. Throws FILES_NO_SPACE with a part possibly written. */
export function writeFullySync(fd: number, data: Uint8Array, position: number): void {
  let done = 0;
  try {
    while (done < data.byteLength) {
      done += writeSync(fd, data, done, data.byteLength - done, position + done);
    }
  } catch (cause: unknown) {
    throw toFilesError("write", cause);
  }
}

/** Fills `buffer` from `position`, blocking the loop; returns less only at the end of the file. */
export function readFullySync(fd: number, buffer: Uint8Array, position: number): number {
  let done = 0;
  try {
    while (done < buffer.byteLength) {
      const count = readSync(fd, buffer, done, buffer.byteLength - done, position + done);
      if (count === 0) break;
      done += count;
    }
  } catch (cause: unknown) {
    throw toFilesError("read", cause);
  }
  return done;
}

/** As {@link readFullySync}, in the thread pool. `buffer` is not to be touched until it returns. */
export async function readFully(fd: number, buffer: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.byteLength) {
    const count = await readOnce(fd, buffer, { done, position });
    if (count === 0) break;
    done += count;
  }
  return done;
}

function readOnce(
  fd: number,
  buffer: Uint8Array,
  from: { readonly done: number; readonly position: number },
): Promise<number> {
  const { done, position } = from;
  return new Promise((resolve, reject) => {
    read(fd, buffer, done, buffer.byteLength - done, position + done, (cause, count) => {
      if (cause === null) resolve(count);
      else reject(toFilesError("read", cause));
    });
  });
}
