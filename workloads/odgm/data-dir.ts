// The folder of one store, and whose it is. `format.json` says format version, collection, ordinal,
// identity and incarnation; the same record lies in the store, so that the two cannot be mixed up.
//
//   lock          held exclusively while a program uses the folder
//   store.mdb     values at rest (LMDB); everything there was in format version 1
//   log           what is not at rest yet, and what made it durable
//   format.json   written last by Format: without it the folder is empty or half-formatted
//   ballast       room to be given away when the disk is full
//   SUSPECT       a commit or sync failed here; nothing is served until a person has looked
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "#api/base/index.ts";
import { assert, errorMessage, PlatformError } from "#api/base/index.ts";
import type { KvEngine, StoreValue } from "#workloads/core/store/index.ts";
import { RESERVED_KEYS_START, StoreError, systemKey } from "#workloads/core/store/index.ts";
import {
  lockExclusive,
  openOrCreate,
  replaceFile,
  syncDirectory,
} from "#workloads/platform/files/index.ts";
import type { EngineLimits } from "#workloads/platform/kv/index.ts";
import {
  CHECKPOINT_FILE,
  clearCompaction,
  ENGINE_LIMITS,
  LOG_FOLDER,
  openLogStore,
} from "#workloads/platform/kv/index.ts";

import { Ballast } from "./ballast.ts";

/** The newest layout on disk that this program reads, and the one it writes. */
export const FORMAT_VERSION = 2;
/** The layout without a log; a store that has it is brought to the newest when it is opened. */
const FORMAT_VERSION_LMDB = 1;

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
  | { readonly kind: "ready"; readonly format: FormatRecord; readonly store: KvEngine }
  | { readonly kind: "foreign"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string; readonly damaged?: DamagedStore };

/**
 * A store that has lost acknowledged writes. Without replicas it stays refused. A member whose
 * groups all have replicas may open it: it does not vote until it has fetched everything again and
 * has said so (`KvEngine.clearDamage`).
 */
export interface DamagedStore {
  /** A record as far as it is left, to find out whose store it is. */
  readonly get: (key: Uint8Array) => StoreValue | undefined;
  readonly open: () => Promise<Extract<DataDirState, { kind: "ready" }>>;
}

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
const STORE_FILE = CHECKPOINT_FILE;
const SUSPECT_FILE = "SUSPECT";

/** A locked folder. */
export class DataDir {
  readonly path: string;
  readonly #lockFd: number;
  readonly #log: Logger;
  readonly #ballast: Ballast;
  #store: KvEngine | undefined;

  private constructor(path: string, lockFd: number, log: Logger) {
    this.path = path;
    this.#lockFd = lockFd;
    this.#log = log;
    this.#ballast = new Ballast(path, log);
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
    rmSync(this.#file(LOG_FOLDER), { recursive: true, force: true });
    const opened = await this.#openStore();
    assert(opened.kind === "ready", "a new store is whole");
    const { store } = opened;
    const bytes = Buffer.from(JSON.stringify(format));
    await store.commit([{ key: systemKey("format"), value: bytes, index: 0 }]);
    await this.#writeFormat(format);
    await this.#ballast.load();
    this.#log.info("store formatted", { ...format });
    return { kind: "ready", format, store };
  }

  /** Why the folder cannot be worked on while no member runs; undefined: it can. */
  async problem(): Promise<string | undefined> {
    if (!existsSync(this.#file(FORMAT_FILE))) return "the store has never been formatted";
    // Whose it is does not matter here.
    const text = await readFile(this.#file(FORMAT_FILE), "utf8");
    const state = await this.open(JSON.parse(text) as FormatRecord);
    await this.#store?.close();
    this.#store = undefined;
    return state.kind === "foreign" || state.kind === "refused" ? state.message : undefined;
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
    clearCompaction(this.path);
    if (!existsSync(this.#file(FORMAT_FILE))) return this.#openWithoutFormat();
    const text = await readFile(this.#file(FORMAT_FILE), "utf8");
    const version = readVersion(text);
    if (version !== FORMAT_VERSION && version !== FORMAT_VERSION_LMDB) {
      return refused(`format version ${version}; this program knows up to ${FORMAT_VERSION}`);
    }
    const format = JSON.parse(text) as FormatRecord;
    if (format.collection !== owner.collection || format.ordinal !== owner.ordinal) {
      const is = `${format.collection} ordinal ${format.ordinal}`;
      const want = `${owner.collection} ordinal ${owner.ordinal}`;
      return { kind: "foreign", message: `the store is formatted for ${is}, not for ${want}` };
    }
    if (!existsSync(this.#file(STORE_FILE))) return refused(`${STORE_FILE} is missing`);
    return this.#openFormatted(format);
  }

  async #openFormatted(stored: FormatRecord): Promise<DataDirState> {
    const opened = await this.#openStore();
    const inside = opened.get(systemKey("format"));
    if (inside === undefined || incarnationOf(inside.value) !== stored.incarnation) {
      return refused(`${STORE_FILE} does not belong to ${FORMAT_FILE}`);
    }
    const format = { ...stored, formatVersion: FORMAT_VERSION };
    if (opened.kind === "damaged") {
      const { message, get } = opened;
      const open = async () => {
        const store = await opened.accept();
        this.#store = store;
        return { kind: "ready" as const, format, store };
      };
      return { kind: "refused", message, damaged: { get, open } };
    }
    if (stored.formatVersion !== FORMAT_VERSION) await this.#migrate(format);
    await this.#ballast.load();
    return { kind: "ready", format, store: opened.store };
  }

  /** Before anything is written to the log, which a program of the old version would not read. */
  async #migrate(format: FormatRecord): Promise<void> {
    await this.#writeFormat(format);
    this.#log.info("store brought to a newer format", { formatVersion: FORMAT_VERSION });
  }

  async #writeFormat(format: FormatRecord): Promise<void> {
    await syncDirectory(this.path);
    await replaceFile(this.#file(FORMAT_FILE), Buffer.from(`${JSON.stringify(format, null, 2)}\n`));
  }

  async #openWithoutFormat(): Promise<DataDirState> {
    if (!existsSync(this.#file(STORE_FILE))) return { kind: "empty" };
    const opened = await this.#openStore();
    if (opened.kind === "damaged") return refused(`${FORMAT_FILE} is missing, ${opened.message}`);
    const { store } = opened;
    const start = new Uint8Array(1);
    const formatKey = Buffer.from(systemKey("format"));
    let data = false;
    for (const item of store.scan({ start, end: RESERVED_KEYS_START })) {
      if (!formatKey.equals(item.key)) data = true;
      if (data) break;
    }
    await store.close();
    this.#store = undefined;
    if (data) return refused(`${STORE_FILE} holds data but ${FORMAT_FILE} is missing`);
    return { kind: "empty" };
  }

  async #openStore(): Promise<OpenedStore> {
    const opened = await openLogStore({
      folder: this.path,
      limits: await limitsFor(this.path),
      freeSpace: () => Promise.resolve(this.#ballast.drop()),
    });
    if (opened.kind === "damaged") return opened;
    const { engine } = opened;
    this.#store = engine;
    const get = (key: Uint8Array): StoreValue | undefined => engine.get(key);
    const { damage } = engine;
    if (damage === undefined) return { kind: "ready", store: engine, get };
    // Found at an earlier start, and not all fetched again.
    return { kind: "damaged", message: damage.message, get, accept: () => Promise.resolve(engine) };
  }

  #file(name: string): string {
    return join(this.path, name);
  }
}

type OpenedStore =
  | {
      readonly kind: "ready";
      readonly store: KvEngine;
      readonly get: (key: Uint8Array) => StoreValue | undefined;
    }
  | {
      readonly kind: "damaged";
      readonly message: string;
      readonly get: (key: Uint8Array) => StoreValue | undefined;
      readonly accept: () => Promise<KvEngine>;
    };

/** On a small disk the log is small, too: together with its checkpoint at most a tenth. */
async function limitsFor(folder: string): Promise<Partial<EngineLimits>> {
  const { blocks, bsize } = await statfs(folder);
  const share = (blocks * bsize) / 10 / ENGINE_LIMITS.logBytesMax;
  if (share >= 1) return {};
  const scaled = (bytes: number): number => Math.max(64 * 1024, Math.ceil(bytes * share));
  return {
    segmentBytes: Math.ceil(scaled(ENGINE_LIMITS.segmentBytes) / 4096) * 4096,
    checkpointBytes: scaled(ENGINE_LIMITS.checkpointBytes),
    logBytesMax: scaled(ENGINE_LIMITS.logBytesMax),
  };
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
