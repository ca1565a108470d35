// Opens an engine on whatever ground: finds out where checkpoint and log stand, replays, cuts a
// torn tail, and says so if something that was acknowledged is lost.
import { errorMessage } from "#api/base/index.ts";
import type { KvEngine, LogIdentity, LogRecord, StoreValue } from "#workloads/core/store/index.ts";
import {
  byteText,
  openSealed,
  Overlay,
  placeOfPosition,
  positionOf,
  SEGMENT_HEADER_BYTES,
  StoreError,
} from "#workloads/core/store/index.ts";

import type { CheckpointMeta } from "./checkpoint-meta.ts";
import { metaWrite, readMeta } from "./checkpoint-meta.ts";
import type { EngineGround, EngineParts } from "./engine-parts.ts";
import { LogEngine } from "./engine.ts";
import type { ReadLog } from "./recovery.ts";
import { listSegments, readLog } from "./recovery.ts";
import type { LogContext } from "./segment-log.ts";
import { createSegment, removeSegment, segmentName, SegmentLog } from "./segment-log.ts";
import { resumeRestore } from "./snapshots.ts";

/** How opening a store ended. */
export type OpenOutcome =
  | { readonly kind: "ready"; readonly engine: KvEngine }
  /** Acknowledged writes are missing. Nothing has been changed, nothing is served. */
  | {
      readonly kind: "damaged";
      readonly message: string;
      /** Reads what is left. */
      readonly get: (key: Uint8Array) => StoreValue | undefined;
      /** Serves what is left; the damage is remembered until it is cleared. */
      readonly accept: () => Promise<KvEngine>;
    };

/** `newStoreId`: eight random bytes. Throws STORE_REFUSED if it is not ours to open. */
export async function openEngine(
  ground: EngineGround,
  newStoreId: () => Uint8Array,
): Promise<OpenOutcome> {
  const known = readMeta(ground.crc32, ground.checkpoint);
  const meta = known ?? (await beginLog(ground, newStoreId()));
  const overlay = new Overlay();
  const identity = { crc32: ground.crc32, storeId: Buffer.from(meta.storeId, "hex") };
  const turn = (): Promise<void> => new Promise((resolve) => ground.timers.soon(resolve));
  const apply = (records: readonly LogRecord[]): void => {
    for (const record of records) overlay.apply(record);
  };
  const found = await readLog(
    { disk: ground.disk, identity, turn },
    { ...meta, storeId: identity.storeId },
    apply,
  );
  const opening = { ground, identity, meta, overlay, found };
  if (found.damage === undefined) {
    return { kind: "ready", engine: await openWell(opening) };
  }
  const message = found.damage;
  const get = (key: Uint8Array): StoreValue | undefined => readLeft(opening, key);
  return { kind: "damaged", message, get, accept: () => openDamaged(opening, message) };
}

interface Opening {
  readonly ground: EngineGround;
  readonly identity: LogIdentity;
  readonly meta: CheckpointMeta;
  readonly overlay: Overlay;
  readonly found: ReadLog;
}

/** A checkpoint without a log is empty, or of format version 1: everything is in it. */
async function beginLog(ground: EngineGround, storeId: Uint8Array): Promise<CheckpointMeta> {
  const identity = { crc32: ground.crc32, storeId };
  for (const number of await listSegments(ground.disk)) {
    const file = await ground.disk.open(segmentName(number));
    const frames = (await file.read(SEGMENT_HEADER_BYTES, file.size)).some((byte) => byte !== 0);
    if (frames) {
      const text = `${segmentName(number)} holds data that the checkpoint knows nothing of`;
      throw new StoreError("STORE_REFUSED", text);
    }
    await removeSegment(ground.disk, { number, file });
  }
  const { file } = await createSegment({ ...ground, ...ground.limits, identity }, 1);
  file.close();
  const position = positionOf(1, SEGMENT_HEADER_BYTES);
  const hex = Buffer.from(storeId).toString("hex");
  const meta = { storeId: hex, position, sequence: 1, synced: position };
  await ground.checkpoint.commit([metaWrite(ground.crc32, meta)]);
  return meta;
}

async function openWell(opening: Opening): Promise<KvEngine> {
  const { ground, found } = opening;
  const { offset } = placeOfPosition(found.end.position);
  const last = found.segments.at(-1);
  // What was written is durable before anybody reads it, and what is cut cannot come back.
  if (!found.tail.isEmpty) await last?.file.truncate(offset);
  for (const segment of found.tail.segments) await removeSegment(ground.disk, segment);
  await last?.file.sync();
  await ground.disk.syncNames();
  const log = new SegmentLog(contextOf(opening), found.segments, found.end);
  return start({ ...opening, log });
}

async function openDamaged(opening: Opening, damage: string): Promise<KvEngine> {
  const { found, overlay } = opening;
  const all = [...found.segments, ...found.tail.segments];
  const number =
    Math.max(placeOfPosition(opening.meta.position).number, ...all.map((each) => each.number)) + 1;
  const context = contextOf(opening);
  const fresh = await createSegment(context, number);
  const { sequence } = found.end;
  const end = { position: positionOf(number, SEGMENT_HEADER_BYTES), sequence };
  const log = new SegmentLog(context, [...all, fresh], end);
  const engine = await start({ ...opening, meta: { ...opening.meta, damage }, overlay, log });
  // Everything that is left goes to the checkpoint, and the damaged log away.
  await engine.checkpoint();
  return engine;
}

function readLeft({ ground, overlay }: Opening, key: Uint8Array): StoreValue | undefined {
  const record = overlay.get(byteText(key));
  const sealed = record === undefined ? ground.checkpoint.get(key) : record.sealed;
  const opened = sealed === undefined ? undefined : openSealed(ground.crc32, key, sealed);
  return opened === undefined ? undefined : { value: opened.value, index: opened.index };
}

async function start(
  parts: Omit<EngineParts, keyof EngineGround> & { readonly ground: EngineGround },
): Promise<KvEngine> {
  const { ground, log, overlay, meta } = parts;
  const engine = new LogEngine({ ...ground, log, overlay, meta });
  try {
    await resumeRestore(ground, engine);
  } catch (cause: unknown) {
    const text = `a restore cannot be finished: ${errorMessage(cause)}`;
    throw new StoreError("STORE_REFUSED", text, cause);
  }
  return engine;
}

function contextOf({ ground, identity }: Opening): LogContext {
  const { disk, timers, freeSpace, limits } = ground;
  return { disk, timers, freeSpace, segmentBytes: limits.segmentBytes, identity };
}
