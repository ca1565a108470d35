// Responses of oprc.DataService, written around the stored bytes.
import { utf8Encode } from "#api/base/index.ts";

import type { Entry } from "./record.ts";
import { inlineBytes, writeEntryField } from "./record.ts";
import { WireWriter } from "./wire.ts";

/** The encoded oprc.EmptyResponse. */
export const EMPTY_RESPONSE = new Uint8Array(0);

/** An object as it is answered. */
export interface ObjectView {
  readonly cls: string;
  readonly partition: number;
  readonly id: string;
  readonly version: number;
  readonly entries: readonly Entry[];
  readonly event: Uint8Array | undefined;
  /** Where equal versions need not be equal contents. */
  readonly digest?: Uint8Array | undefined;
}

/** oprc.ObjectResponse, with metadata, our object_version and object_digest. */
export function encodeObjectResponse(view: ObjectView): Uint8Array {
  const metadata = new WireWriter()
    .bytes(1, utf8Encode(view.cls))
    .varint(2, view.partition)
    .bytes(4, utf8Encode(view.id))
    .finish();
  const object = new WireWriter(inlineBytes(view.entries) + metadata.byteLength + 64);
  object.bytes(1, metadata);
  if (view.event !== undefined) object.bytes(3, view.event);
  for (const entry of view.entries) writeEntryField(object, entry);
  const encoded = object.finish();
  const response = new WireWriter(encoded.byteLength + 56)
    .bytes(1, encoded)
    .varint(1000, view.version);
  return (view.digest === undefined ? response : response.bytes(1001, view.digest)).finish();
}

/** oprc.ValueResponse; `value` is encoded ValData. */
export function encodeValueResponse(answer: {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly version: number | undefined;
  readonly digest?: Uint8Array | undefined;
}): Uint8Array {
  const writer = new WireWriter((answer.value?.byteLength ?? 0) + answer.key.length + 32);
  if (answer.value !== undefined) writer.bytes(1, answer.value);
  if (answer.version !== undefined) writer.varint(2, answer.version);
  writer.bytes(3, utf8Encode(answer.key));
  return (answer.digest === undefined ? writer : writer.bytes(1001, answer.digest)).finish();
}

/** oprc.ValueEnvelope */
export function encodeValueEnvelope(item: {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: number;
  readonly nextCursor: Uint8Array | undefined;
}): Uint8Array {
  const writer = new WireWriter(item.value.byteLength + item.key.length * 2 + 64);
  writer.bytes(1, utf8Encode(item.key)).bytes(2, item.value).varint(3, item.version);
  if (item.nextCursor !== undefined) writer.bytes(4, item.nextCursor);
  return writer.finish();
}

/** One object of a listing. */
export interface ObjectItem {
  readonly id: string;
  readonly version: number;
  readonly entryCount: number;
}

/** oprc.ObjectMetaEnvelope */
export function encodeObjectEnvelope(
  item: ObjectItem,
  nextCursor: Uint8Array | undefined,
): Uint8Array {
  const writer = new WireWriter();
  writer.bytes(1, utf8Encode(item.id)).varint(2, item.version).varint(3, item.entryCount);
  if (nextCursor !== undefined) writer.bytes(4, nextCursor);
  return writer.finish();
}

/** oprc.StatsResponse of these shards. */
export function encodeStats(
  shards: readonly {
    readonly collection: string;
    readonly partition: number;
    readonly shardId: number;
    readonly count: number;
  }[],
): Uint8Array {
  const writer = new WireWriter();
  for (const shard of shards) {
    const one = new WireWriter()
      .bytes(1, utf8Encode(shard.collection))
      .varint(2, shard.partition)
      .varint(3, shard.shardId)
      .varint(4, shard.count);
    writer.bytes(1, one.finish());
  }
  return writer.finish();
}

/** oprc.CapabilitiesResponse */
export function encodeCapabilities(capabilities: {
  readonly stringEntryKeys: boolean;
  readonly events: boolean;
}): Uint8Array {
  return new WireWriter()
    .varint(1, 1)
    .varint(2, capabilities.stringEntryKeys ? 1 : 0)
    .varint(3, 1)
    .varint(4, capabilities.events ? 1 : 0)
    .finish();
}
