// Routing without decoding: the few header fields of a request message are read from its bytes, and
// the partition is overridden by appending the field once more (the last one counts in protobuf),
// so that values pass through the gateway as bytes.
import { Method } from "#api/gen/oaas-stream_pb.ts";

import { utf8Decode } from "#api/base/index.ts";

/** What routing needs to know of a request. Absent strings are empty. */
export interface CallTarget {
  readonly cls: string;
  readonly partition: number;
  readonly object: string;
  readonly fn: string;
}

interface Layout {
  readonly cls: number;
  readonly partition: number;
  readonly object: number;
  readonly fn: number;
}

const NONE = 0;

/**
 * Field numbers by method (api/proto/oprc-data.proto, oprc-invoke.proto); 0 = has no such field.
 */
const LAYOUTS: Readonly<Record<number, Layout>> = {
  [Method.GET]: { cls: 1, partition: 2, object: 4, fn: NONE },
  [Method.DELETE]: { cls: 1, partition: 2, object: 4, fn: NONE },
  [Method.SET]: { cls: 1, partition: 2, object: 5, fn: NONE },
  [Method.MERGE]: { cls: 1, partition: 2, object: 5, fn: NONE },
  [Method.LIST_OBJECTS]: { cls: 1, partition: 2, object: NONE, fn: NONE },
  [Method.GET_VALUE]: { cls: 1, partition: 2, object: 6, fn: NONE },
  [Method.SET_VALUE]: { cls: 1, partition: 2, object: 7, fn: NONE },
  [Method.DELETE_VALUE]: { cls: 1, partition: 2, object: 6, fn: NONE },
  [Method.BATCH_SET_VALUES]: { cls: 1, partition: 2, object: 4, fn: NONE },
  [Method.LIST_VALUES]: { cls: 1, partition: 2, object: 4, fn: NONE },
  [Method.INVOKE_FN]: { cls: 3, partition: 1, object: NONE, fn: 4 },
  [Method.INVOKE_OBJ]: { cls: 3, partition: 1, object: 7, fn: 4 },
};

class Scanner {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** An unsigned varint's low 32 bits; undefined if it does not end within ten bytes. */
  varint(): number | undefined {
    let value = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.bytes[this.at];
      if (byte === undefined) return undefined;
      this.at += 1;
      if (index < 5) value = (value | ((byte & 0x7f) << (7 * index))) >>> 0;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  /** Moves on by `count`; false if the message is shorter. */
  skip(count: number): boolean {
    this.at += count;
    return this.at <= this.bytes.length;
  }
}

/** Reads the target of a request; undefined if the bytes are no message or the method has none. */
export function scanTarget(method: number, request: Uint8Array): CallTarget | undefined {
  const layout = LAYOUTS[method];
  if (layout === undefined) return undefined;
  const scanner = new Scanner(request);
  const found = { cls: "", partition: 0, object: "", fn: "" };
  while (scanner.at < request.length) {
    const tag = scanner.varint();
    if (tag === undefined || tag < 8) return undefined;
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 0) {
      const value = scanner.varint();
      if (value === undefined) return undefined;
      if (number === layout.partition) found.partition = value;
      continue;
    }
    const length = wireType === 2 ? scanner.varint() : wireType === 1 ? 8 : 4;
    if (length === undefined || (wireType !== 1 && wireType !== 2 && wireType !== 5)) {
      return undefined;
    }
    const start = scanner.at;
    if (!scanner.skip(length)) return undefined;
    const name = wireType === 2 ? nameOf(layout, number) : undefined;
    if (name === undefined) continue;
    const text = utf8Decode(request.subarray(start, start + length));
    if (text === undefined) return undefined;
    found[name] = text;
  }
  return found;
}

function nameOf(layout: Layout, number: number): "cls" | "object" | "fn" | undefined {
  if (number === layout.cls) return "cls";
  if (number === layout.object) return "object";
  if (number === layout.fn) return "fn";
  return undefined;
}

/** The request with this partition: a copy with the field appended. */
export function withPartition(method: number, request: Uint8Array, partition: number): Uint8Array {
  const layout = LAYOUTS[method];
  if (layout === undefined) return request;
  const tail = [layout.partition << 3];
  let rest = partition >>> 0;
  while (rest > 0x7f) {
    tail.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  tail.push(rest);
  const copy = new Uint8Array(request.length + tail.length);
  copy.set(request);
  copy.set(tail, request.length);
  return copy;
}
