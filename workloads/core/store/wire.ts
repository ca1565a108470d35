// Protobuf bytes without messages: what passes through the store is sliced out of requests and
// copied into responses. Numbers above 2^53 come out inexact but still above 2^53. Source:
// protobuf.dev/programming-guides/encoding.

import { utf8Encode } from "#api/base/index.ts";

/** One field of a message. `bytes` is a view, empty unless the field is length-delimited. */
export interface WireField {
  readonly number: number;
  readonly varint: number;
  readonly bytes: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** Calls `visit` for every varint and length-delimited field in order; false if malformed. */
export function scanFields(
  message: Uint8Array,
  visit: (number: number, varint: number, bytes: Uint8Array) => void,
): boolean {
  const cursor = { at: 0, value: 0 };
  while (cursor.at < message.byteLength) {
    if (!readVarint(message, cursor)) return false;
    const number = Math.floor(cursor.value / 8);
    const type = cursor.value % 8;
    if (number === 0) return false;
    if (type === 0) {
      if (!readVarint(message, cursor)) return false;
      visit(number, cursor.value, EMPTY);
    } else if (type === 2) {
      if (!readVarint(message, cursor)) return false;
      const end = cursor.at + cursor.value;
      if (end > message.byteLength) return false;
      visit(number, 0, message.subarray(cursor.at, end));
      cursor.at = end;
    } else if (type === 1 || type === 5) {
      cursor.at += type === 1 ? 8 : 4;
      if (cursor.at > message.byteLength) return false;
    } else {
      return false;
    }
  }
  return true;
}

function readVarint(bytes: Uint8Array, cursor: { at: number; value: number }): boolean {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < 10; count += 1) {
    const byte = bytes[cursor.at];
    if (byte === undefined) return false;
    cursor.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor.value = value;
      return true;
    }
    scale *= 128;
  }
  return false;
}

/** Builds a message. Fields appear in the order of the calls. */
export class WireWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(sizeHint = 64) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  /** A varint field, also if it is zero. `value` is below 2^53. */
  varint(number: number, value: number): this {
    this.#reserve(20);
    this.#push(number * 8);
    this.#push(value);
    return this;
  }

  /** A length-delimited field, also if it is empty. */
  bytes(number: number, value: Uint8Array): this {
    this.#reserve(10);
    this.#push(number * 8 + 2);
    return this.#sized(value);
  }

  /** Bytes that are fields already. */
  raw(value: Uint8Array): this {
    this.#reserve(value.byteLength);
    this.#bytes.set(value, this.#length);
    this.#length += value.byteLength;
    return this;
  }

  /** A string field, also if it is empty. Lone surrogates become U+FFFD. */
  text(number: number, value: string): this {
    const { length } = value;
    this.#reserve(20 + length);
    this.#push(number * 8 + 2);
    const start = this.#length;
    this.#push(length);
    for (let at = 0; at < length; at += 1) {
      const unit = value.charCodeAt(at);
      if (unit >= 0x80) {
        this.#length = start;
        return this.#sized(utf8Encode(value));
      }
      this.#bytes[this.#length + at] = unit;
    }
    this.#length += length;
    return this;
  }

  /** A message as a field; `write` adds its fields to this very writer. */
  message(number: number, write: (writer: this) => void): this {
    this.#reserve(20);
    this.#push(number * 8 + 2);
    // Most are below 128 bytes; the size of others moves them on.
    const start = this.#length + 1;
    this.#length = start;
    write(this);
    const size = this.#length - start;
    let more = 0;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 128)) more += 1;
    if (more > 0) {
      this.#reserve(more);
      this.#bytes.copyWithin(start + more, start, this.#length);
    }
    this.#length = start - 1;
    this.#push(size);
    this.#length += size;
    return this;
  }

  /** The message so far, a view that the next call may overwrite. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An empty message again, in the same bytes: what `finish` has given is void. */
  reset(): this {
    this.#length = 0;
    return this;
  }

  #sized(value: Uint8Array): this {
    this.#reserve(10 + value.byteLength);
    this.#push(value.byteLength);
    return this.raw(value);
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.byteLength * 2));
    grown.set(this.#bytes.subarray(0, this.#length), 0);
    this.#bytes = grown;
  }

  #push(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }
}
