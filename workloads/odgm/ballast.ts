// A file that takes up room for nothing, to be given away when the disk is full: the log can then
// go on, so that what makes room (deletes, truncation, votes, membership) still gets through.
import { closeSync, existsSync, rmSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { openOrCreate, reserveSpace } from "#workloads/platform/files/index.ts";

const BALLAST_FILE = "ballast";
/** The size is 2 % of the disk within these bounds. */
const BYTES_MIN = 2 * 1024 * 1024;
const BYTES_MAX = 32 * 1024 * 1024;
const SHARE = 0.02;

/** The ballast of one folder. */
export class Ballast {
  readonly #folder: string;
  readonly #path: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#path = join(folder, BALLAST_FILE);
    this.#log = log;
  }

  /** Bytes that it takes; 0 after it was given away. */
  get bytes(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Makes the file if it is not there and fits twice. Trouble is logged: a store works without. */
  async load(): Promise<void> {
    if (existsSync(this.#path)) return;
    try {
      const { blocks, bavail, bsize } = await statfs(this.#folder);
      const bytes = Math.round(Math.min(BYTES_MAX, Math.max(BYTES_MIN, blocks * bsize * SHARE)));
      if (bavail * bsize < 2 * bytes) return;
      this.#reserve(bytes);
    } catch (cause: unknown) {
      this.#log.warn("no ballast", { error: errorMessage(cause) });
    }
  }

  /** Gives the room back; false if there was none. */
  drop(): boolean {
    const { bytes } = this;
    if (bytes === 0) return false;
    rmSync(this.#path, { force: true });
    this.#log.warn("the disk is full: the ballast is given away", { bytes });
    return true;
  }

  #reserve(bytes: number): void {
    const fd = openOrCreate(this.#path);
    try {
      reserveSpace(fd, 0, bytes);
    } catch (cause: unknown) {
      rmSync(this.#path, { force: true });
      throw cause;
    } finally {
      closeSync(fd);
    }
  }
}
