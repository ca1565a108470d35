// Snapshots of a range: a file that is written at disk speed from a frozen view and read from
// there, and the way back. The stream is frames as in the log, each as if alone in its segment:
// numbered by sequence from 0, at most 256 KiB; an empty frame ends it, and its mark `synced` says
// how many items there are. Keys ascend.
import { assert } from "#api/base/index.ts";
import type {
  DiskFile,
  Frame,
  LogIdentity,
  MergedPage,
  StoreRange,
  StoreSnapshot,
  StoreWrite,
  TextRange,
} from "#workloads/core/store/index.ts";
import {
  byteText,
  encodeFrame,
  FRAME_HEADER_BYTES,
  openSealed,
  positionOf,
  readFrame,
  readSealed,
  RESERVED_KEYS_START,
  SnapshotError,
  textBytes,
} from "#workloads/core/store/index.ts";

import { reservedKey } from "./checkpoint-meta.ts";
import type { EngineGround } from "./engine-parts.ts";
import { damagedValue } from "./lmdb-store.ts";

const SNAPSHOT_ID = Buffer.from("SNAPSHOT", "latin1");
const RESTORE_KEY = reservedKey("restore");
const RESTORE_FILE = "restore.tmp";
/** Bytes of values in a frame, so that it stays below 256 KiB but for a single larger value. */
const FRAME_VALUE_BYTES = 192 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Items that are copied, removed or written in one turn. */
const PAGE = 200;

let snapshotCount = 0;

/** What a snapshot reads. */
export interface FrozenView {
  readonly read: (rest: TextRange, limit: number) => MergedPage;
  readonly turn: () => Promise<void>;
}

/** Copies the range to a file. The view does not change meanwhile. */
export async function takeSnapshot(
  ground: EngineGround,
  range: TextRange,
  view: FrozenView,
): Promise<StoreSnapshot> {
  snapshotCount += 1;
  const name = `snapshot-${snapshotCount}.tmp`;
  const file = await ground.disk.create(name, 0);
  const discard = async (): Promise<void> => {
    file.close();
    await ground.disk.remove(name);
  };
  try {
    const writer = new SnapshotWriter(identityOf(ground), file);
    let rest: TextRange | undefined = range;
    while (rest !== undefined) {
      const page: MergedPage = view.read(rest, PAGE);
      for (const item of page.items) await writer.add(unsealed(ground, item));
      rest = page.rest;
      await view.turn();
    }
    const { bytes, count } = await writer.finish();
    return { bytes, count, chunks: (from = 0) => chunksOf(file, from, bytes), discard };
  } catch (cause: unknown) {
    await discard();
    throw cause;
  }
}

/** What a restore writes through. */
export interface RestoreTarget {
  scan(range: StoreRange): Iterable<{ readonly key: Uint8Array }>;
  get(key: Uint8Array): { readonly value: Uint8Array } | undefined;
  commitReserved(
    writes: readonly StoreWrite[],
    options?: { readonly sync: boolean },
  ): Promise<void>;
}

/** See {@link KvEngine.restore}. */
export async function restoreSnapshot(
  ground: EngineGround,
  target: RestoreTarget,
  from: { readonly range: StoreRange; readonly chunks: AsyncIterable<Uint8Array> },
): Promise<void> {
  const { disk } = ground;
  const { start, end } = from.range;
  await disk.remove(RESTORE_FILE);
  const file = await disk.create(RESTORE_FILE, 0);
  try {
    let size = 0;
    for await (const chunk of from.chunks) {
      await file.write(size, chunk);
      size += chunk.byteLength;
    }
    let count = 0;
    for await (const frame of framesOf(ground, file)) {
      checkRange(frame, from.range);
      count += frame.records.length;
      if (frame.records.length === 0 && frame.synced !== count) throw incomplete();
    }
    await file.sync();
    await disk.syncNames();
  } catch (cause: unknown) {
    file.close();
    await disk.remove(RESTORE_FILE);
    throw cause;
  }
  const range = { start: byteText(start), end: byteText(end) };
  const value = Buffer.from(JSON.stringify(range), "utf8");
  await target.commitReserved([{ key: RESTORE_KEY, value, index: 0 }]);
  await finishRestore(ground, target, { file, range: from.range });
}

/** Carries on with a restore that a crash has interrupted; clears away what snapshots have left. */
export async function resumeRestore(ground: EngineGround, target: RestoreTarget): Promise<void> {
  const { disk } = ground;
  const stored = target.get(RESTORE_KEY);
  if (stored !== undefined) {
    const text = JSON.parse(Buffer.from(stored.value).toString("utf8")) as {
      readonly start: string;
      readonly end: string;
    };
    const range = { start: textBytes(text.start), end: textBytes(text.end) };
    const file = await disk.open(RESTORE_FILE);
    await finishRestore(ground, target, { file, range });
  }
  for (const name of await disk.names()) if (name.endsWith(".tmp")) await disk.remove(name);
}

async function finishRestore(
  ground: EngineGround,
  target: RestoreTarget,
  from: { readonly file: DiskFile; readonly range: StoreRange },
): Promise<void> {
  const { file, range } = from;
  const ends = byteText(range.end) < byteText(RESERVED_KEYS_START);
  const clipped = { start: range.start, end: ends ? range.end : RESERVED_KEYS_START };
  for (;;) {
    const keys: Uint8Array[] = [];
    for (const { key } of target.scan(clipped)) {
      keys.push(key);
      if (keys.length === PAGE) break;
    }
    if (keys.length === 0) break;
    const writes = keys.map((key) => ({ key, value: undefined, index: 0 }));
    await target.commitReserved(writes, { sync: false });
  }
  for await (const { records } of framesOf(ground, file)) {
    const writes = records.map(({ key, sealed }) => unsealed(ground, { key, sealed }));
    await target.commitReserved(writes, { sync: false });
  }
  await target.commitReserved([{ key: RESTORE_KEY, value: undefined, index: 0 }]);
  file.close();
  await ground.disk.remove(RESTORE_FILE);
}

class SnapshotWriter {
  readonly #identity: LogIdentity;
  readonly #file: DiskFile;
  #writes: StoreWrite[] = [];
  #pendingBytes = 0;
  #bytes = 0;
  #count = 0;
  #sequence = 0;

  constructor(identity: LogIdentity, file: DiskFile) {
    this.#identity = identity;
    this.#file = file;
  }

  async add(write: StoreWrite): Promise<void> {
    this.#writes.push(write);
    this.#count += 1;
    this.#pendingBytes += write.key.byteLength + (write.value?.byteLength ?? 0);
    if (this.#pendingBytes >= FRAME_VALUE_BYTES) await this.#flush();
  }

  async finish(): Promise<{ readonly bytes: number; readonly count: number }> {
    if (this.#writes.length > 0) await this.#flush();
    await this.#flush();
    return { bytes: this.#bytes, count: this.#count };
  }

  async #flush(): Promise<void> {
    const sequence = this.#sequence;
    const mark = { sequence, position: positionOf(sequence, 0), synced: this.#count };
    const { bytes } = encodeFrame(this.#identity, mark, this.#writes);
    this.#writes = [];
    this.#pendingBytes = 0;
    this.#sequence += 1;
    await this.#file.write(this.#bytes, bytes);
    this.#bytes += bytes.byteLength;
  }
}

async function* chunksOf(file: DiskFile, from: number, size: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < size; at += CHUNK_BYTES) {
    yield await file.read(at, Math.min(CHUNK_BYTES, size - at));
  }
}

/** Every frame, the empty one at the end included; throws SnapshotError unless all are whole. */
async function* framesOf(ground: EngineGround, file: DiskFile): AsyncGenerator<Frame> {
  const identity = identityOf(ground);
  let at = 0;
  for (let number = 0; ; number += 1) {
    const header = Buffer.from(await file.read(at, FRAME_HEADER_BYTES));
    if (header.byteLength < FRAME_HEADER_BYTES) throw incomplete();
    const length = Math.ceil((FRAME_HEADER_BYTES + header.readUInt32BE(4)) / 8) * 8;
    if (at + length > file.size) throw incomplete();
    const bytes = await file.read(at, length);
    const found = readFrame(identity, bytes, { number, offset: 0 });
    if (found.kind !== "frame") throw new SnapshotError(`frame ${number} is damaged`);
    yield found.frame;
    at += length;
    if (found.frame.records.length > 0) continue;
    if (at === file.size) return;
    throw new SnapshotError("something follows the end of the snapshot");
  }
}

function checkRange(frame: Frame, range: StoreRange): void {
  const start = byteText(range.start);
  const end = byteText(range.end);
  for (const { key } of frame.records) {
    const text = byteText(key);
    if (text < start || text >= end) throw new SnapshotError("a key is outside of the range");
  }
}

function incomplete(): SnapshotError {
  return new SnapshotError("the snapshot is incomplete");
}

function identityOf(ground: EngineGround): LogIdentity {
  return { crc32: ground.crc32, storeId: SNAPSHOT_ID };
}

/** The value as it was written; its seal is checked, so that a damaged one is never passed on. */
function unsealed(
  ground: EngineGround,
  item: { readonly key: Uint8Array; readonly sealed: Uint8Array | undefined },
): StoreWrite {
  const { key, sealed } = item;
  assert(sealed !== undefined, "a snapshot holds no removed keys");
  if (openSealed(ground.crc32, key, sealed) === undefined) throw damagedValue(key);
  const { value, index, expiresAtMs } = readSealed(sealed);
  return expiresAtMs === undefined ? { key, value, index } : { key, value, index, expiresAtMs };
}
