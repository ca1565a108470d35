// The folder of one store, and whose it is. `format.json` says format version, collection, ordinal,
// identity and incarnation; the same record lies in the store, so that the two cannot be mixed up.
//
//   lock          held exclusively while a program uses the folder
//   store.mdb     the store
//   format.json   written last by Format: without it the folder is empty or half-formatted
//   SUSPECT       a commit or sync failed here; nothing is served until a person has looked
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "#api/base/index.ts";
import { errorMessage, PlatformError } from "#api/base/index.ts";
import type { Store } from "#workloads/core/store/index.ts";
import { StoreError, systemKey } from "#workloads/core/store/index.ts";
import {
  lockExclusive,
  openOrCreate,
  replaceFile,
  syncDirectory,
} from "#workloads/platform/files/index.ts";
import { openLmdbStore } from "#workloads/platform/kv/index.ts";

/** The newest layout on disk that this program reads and writes. */
export const FORMAT_VERSION = 1;

/** Whose store it is. `collection` is "*" for a standalone program, which may keep several. */
export interface FormatRecord {
  readonly formatVersion: number;
  readonly collection: string;
  readonly ordinal: number;
  readonly identity: string;
  readonly incarnation: string;
}

/** What the folder holds. */
export type DataDirState =
  | { readonly kind: "empty" }
  | { readonly kind: "ready"; readonly format: FormatRecord; readonly store: Store }
  | { readonly kind: "foreign"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string };

/** Whom the folder must belong to. */
export interface Owner {
  readonly collection: string;
  readonly ordinal: number;
}

/** The folder is in use by another process, or cannot be used at all. */
export class DataDirError extends PlatformError {
  override readonly name = "DataDirError";
  override readonly code = "ODGM_DATA_DIR";
}

const FORMAT_FILE = "format.json";
const STORE_FILE = "store.mdb";
const SUSPECT_FILE = "SUSPECT";

/** A locked folder. */
export class DataDir {
  readonly path: string;
  readonly #lockFd: number;
  readonly #log: Logger;
  #store: Store | undefined;

  private constructor(path: string, lockFd: number, log: Logger) {
    this.path = path;
    this.#lockFd = lockFd;
    this.#log = log;
  }

  /** Makes the folder if absent and locks it. Throws {@link DataDirError} if another holds it. */
  static lock(path: string, log: Logger): DataDir {
    let fd: number;
    try {
      mkdirSync(path, { recursive: true });
      fd = openOrCreate(join(path, "lock"));
    } catch (cause: unknown) {
      throw new DataDirError(`data folder ${path}: ${errorMessage(cause)}`, { cause });
    }
    if (!lockExclusive(fd)) {
      closeSync(fd);
      throw new DataDirError(`data folder ${path} is in use by another process`);
    }
    return new DataDir(path, fd, log);
  }

  /** Looks at the folder and opens its store if it is ours. Trouble with it is `refused`. */
  async open(owner: Owner): Promise<DataDirState> {
    try {
      return await this.#open(owner);
    } catch (cause: unknown) {
      return refused(errorMessage(cause));
    }
  }

  /**
   * Formats an empty folder for this owner and draws its incarnation. Durable when it returns:
   * only then may the incarnation be told to anybody.
   */
  async format(owner: Owner, identity: string): Promise<Extract<DataDirState, { kind: "ready" }>> {
    const format: FormatRecord = {
      formatVersion: FORMAT_VERSION,
      collection: owner.collection,
      ordinal: owner.ordinal,
      identity,
      incarnation: randomUUID(),
    };
    // A format that was cut short left a store without data; see #open.
    rmSync(this.#file(STORE_FILE), { force: true });
    rmSync(this.#file(`${STORE_FILE}-lock`), { force: true });
    const store = this.#openStore();
    const bytes = Buffer.from(JSON.stringify(format));
    await store.commit([{ key: systemKey("format"), value: bytes, index: 0 }]);
    await syncDirectory(this.path);
    await replaceFile(this.#file(FORMAT_FILE), Buffer.from(`${JSON.stringify(format, null, 2)}\n`));
    this.#log.info("store formatted", { ...format });
    return { kind: "ready", format, store };
  }

  /** Leaves a mark that no later start gets past; used when a commit or sync has failed. */
  markSuspect(why: string): void {
    try {
      writeFileSync(this.#file(SUSPECT_FILE), `${why}\n`, { flush: true });
    } catch (cause: unknown) {
      this.#log.error("cannot mark the store suspect", { error: errorMessage(cause) });
    }
  }

  /** Closes the store and gives the folder back. */
  async close(): Promise<void> {
    await this.#store?.close();
    closeSync(this.#lockFd);
  }

  async #open(owner: Owner): Promise<DataDirState> {
    if (existsSync(this.#file(SUSPECT_FILE))) {
      const why = (await readFile(this.#file(SUSPECT_FILE), "utf8")).trim();
      return refused(`the store is suspect: ${why}`);
    }
    if (!existsSync(this.#file(FORMAT_FILE))) return this.#openWithoutFormat();
    const text = await readFile(this.#file(FORMAT_FILE), "utf8");
    const version = readVersion(text);
    if (version !== FORMAT_VERSION) {
      return refused(`format version ${version}; this program knows up to ${FORMAT_VERSION}`);
    }
    const format = JSON.parse(text) as FormatRecord;
    if (format.collection !== owner.collection || format.ordinal !== owner.ordinal) {
      const is = `${format.collection} ordinal ${format.ordinal}`;
      const want = `${owner.collection} ordinal ${owner.ordinal}`;
      return { kind: "foreign", message: `the store is formatted for ${is}, not for ${want}` };
    }
    if (!existsSync(this.#file(STORE_FILE))) return refused(`${STORE_FILE} is missing`);
    const store = this.#openStore();
    const inside = store.get(systemKey("format"));
    if (inside === undefined || incarnationOf(inside.value) !== format.incarnation) {
      return refused(`${STORE_FILE} does not belong to ${FORMAT_FILE}`);
    }
    return { kind: "ready", format, store };
  }

  async #openWithoutFormat(): Promise<DataDirState> {
    if (!existsSync(this.#file(STORE_FILE))) return { kind: "empty" };
    const store = this.#openStore();
    const start = new Uint8Array(0);
    const formatKey = Buffer.from(systemKey("format"));
    let data = false;
    for (const item of store.scan({ start, end: new Uint8Array(8).fill(0xff) })) {
      if (!formatKey.equals(item.key)) data = true;
      if (data) break;
    }
    await store.close();
    this.#store = undefined;
    if (data) return refused(`${STORE_FILE} holds data but ${FORMAT_FILE} is missing`);
    return { kind: "empty" };
  }

  #openStore(): Store {
    this.#store = openLmdbStore(this.#file(STORE_FILE));
    return this.#store;
  }

  #file(name: string): string {
    return join(this.path, name);
  }
}

function refused(message: string): DataDirState {
  return { kind: "refused", message };
}

function readVersion(text: string): number {
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null && "formatVersion" in value) {
    return Number(value.formatVersion);
  }
  throw new StoreError("STORE_REFUSED", `${FORMAT_FILE} has no formatVersion`);
}

function incarnationOf(bytes: Uint8Array): string {
  return (JSON.parse(Buffer.from(bytes).toString("utf8")) as FormatRecord).incarnation;
}
