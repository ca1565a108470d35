// Payloads of LIST, SPEC and LOCATION_INFO.
import { readId, readSize, writeId, writeSize } from "./bytes.ts";
import type { ObjectId } from "./protocol.ts";
import { ID_BYTES, ID_ZERO } from "./protocol.ts";

/** A page of ids in ascending order; `next` is the token for the rest, undefined at the end. */
export interface ListPage {
  readonly ids: readonly ObjectId[];
  readonly next?: ObjectId;
}

/** 16 (n + 1) bytes: the ids, then the token, all zero at the end. */
export function encodeListPage(page: ListPage): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES * (page.ids.length + 1));
  page.ids.forEach((id, index) => {
    writeId(bytes, index * ID_BYTES, id);
  });
  writeId(bytes, page.ids.length * ID_BYTES, page.next ?? ID_ZERO);
  return bytes;
}

/** The page in a LIST payload, also an empty one; undefined if the length is no multiple of 16. */
export function decodeListPage(payload: Uint8Array): ListPage | undefined {
  if (payload.byteLength % ID_BYTES !== 0) return undefined;
  if (payload.byteLength === 0) return { ids: [] };
  const count = payload.byteLength / ID_BYTES - 1;
  const ids = Array.from({ length: count }, (_, index) => readId(payload, index * ID_BYTES));
  const next = readId(payload, count * ID_BYTES);
  return next === ID_ZERO ? { ids } : { ids, next };
}

/** SPEC payload: size u64. */
export function encodeSpec(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeSize(bytes, 0, sizeBytes);
  return bytes;
}

/** Size in bytes, or undefined if the payload is not 8 bytes. */
export function decodeSpec(payload: Uint8Array): number | undefined {
  return payload.byteLength === 8 ? readSize(payload, 0) : undefined;
}

/** What a target can hold and what its objects promise, both in bytes. */
export interface LocationInfo {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** LOCATION_INFO payload: used u64, total u64. */
export function encodeLocationInfo(info: LocationInfo): Uint8Array {
  const bytes = new Uint8Array(16);
  writeSize(bytes, 0, info.usedBytes);
  writeSize(bytes, 8, info.totalBytes);
  return bytes;
}

/** The info, or undefined if the payload is not 16 bytes. */
export function decodeLocationInfo(payload: Uint8Array): LocationInfo | undefined {
  if (payload.byteLength !== 16) return undefined;
  return { usedBytes: readSize(payload, 0), totalBytes: readSize(payload, 8) };
}
