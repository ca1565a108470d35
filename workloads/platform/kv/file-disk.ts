// A folder of the file system under an engine.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncate,
  mkdirSync,
  openSync,
  rmSync,
  unlinkSync,
  write,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { Disk, DiskFile } from "#workloads/core/store/index.ts";

import {
  FilesError,
  readFully,
  reserveSpace,
  syncData,
  syncDirectory,
  toFilesError,
  writeFullySync,
} from "../files/index.ts";

const truncateFd = promisify(ftruncate);
const writeFd = promisify(write);

/** Larger writes go through the thread pool: copying them would hold the event loop. */
const SYNC_WRITE_BYTES = 64 * 1024;

/** Opens the folder, made durably if absent. */
export async function openFileDisk(folder: string): Promise<Disk> {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) {
    await syncDirectory(dirname(folder));
  }
  const at = (name: string): string => join(folder, name);
  return {
    names: () => readdir(folder),
    create: (name, bytes) => guarded(`create ${name}`, () => create(at(name), bytes)),
    open: (name) =>
      guarded(`open ${name}`, () => new OpenFile(openSync(at(name), constants.O_RDWR))),
    remove: (name) => guarded(`remove ${name}`, () => rmSync(at(name), { force: true })),
    syncNames: () => syncDirectory(folder),
  };
}

function guarded<T>(what: string, run: () => T): Promise<T> {
  try {
    return Promise.resolve(run());
  } catch (cause: unknown) {
    return Promise.reject(toFilesError(what, cause));
  }
}

function create(path: string, bytes: number): DiskFile {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    if (bytes > 0) reserve(fd, bytes);
  } catch (cause: unknown) {
    closeSync(fd);
    unlinkSync(path);
    throw cause;
  }
  return new OpenFile(fd);
}

/** Without fallocate (some network file systems) the file grows as it is written. */
function reserve(fd: number, bytes: number): void {
  try {
    reserveSpace(fd, 0, bytes);
  } catch (cause: unknown) {
    if (!(cause instanceof FilesError) || !cause.message.includes("EOPNOTSUPP")) throw cause;
  }
}

class OpenFile implements DiskFile {
  readonly #fd: number;
  #size: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  get size(): number {
    return this.#size;
  }

  async read(at: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.#size - at)));
    const count = await readFully(this.#fd, buffer, at);
    return buffer.subarray(0, count);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength <= SYNC_WRITE_BYTES) writeFullySync(this.#fd, bytes, at);
    else await this.#writeLarge(at, bytes);
    this.#size = Math.max(this.#size, at + bytes.byteLength);
  }

  sync(): Promise<void> {
    return syncData(this.#fd);
  }

  async truncate(length: number): Promise<void> {
    try {
      await truncateFd(this.#fd, length);
    } catch (cause: unknown) {
      throw toFilesError("truncate", cause);
    }
    this.#size = length;
  }

  close(): void {
    closeSync(this.#fd);
  }

  async #writeLarge(at: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.byteLength;) {
        const rest = bytes.byteLength - done;
        const { bytesWritten } = await writeFd(this.#fd, bytes, done, rest, at + done);
        done += bytesWritten;
      }
    } catch (cause: unknown) {
      throw toFilesError("write", cause);
    }
  }
}
