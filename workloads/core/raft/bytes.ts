// Reading and writing of small binary forms: bytes, varints below 2^53, texts and byte strings with
// a length before them. A reader never throws; after a bad read it is `failed` and answers zeros.
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

const VARINT_BYTES_MAX = 8;
/** Arrays up to this length live in the heap of the engines we use, and cost next to nothing. */
const FIRST_BYTES = 64;
const GROWTH = 4;

/** Grows as it is written to. */
export class ByteWriter {
  private buffer = new Uint8Array(FIRST_BYTES);
  private length = 0;

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.byteLength) return;
    const larger = new Uint8Array(Math.max(this.buffer.byteLength * GROWTH, this.length + count));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length] = value;
    this.length += 1;
  }

  /** Seven bits per byte, lowest first; `value` is an integer in 0..2^53-1. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `${value} is not an unsigned 53-bit number`);
    this.reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length] = (rest % 0x80) | 0x80;
      this.length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.length] = rest;
    this.length += 1;
  }

  bytes(value: Uint8Array): void {
    this.varint(value.byteLength);
    this.reserve(value.byteLength);
    this.buffer.set(value, this.length);
    this.length += value.byteLength;
  }

  /** UTF-8, length before. */
  text(value: string): void {
    // Names are short and plain nearly always; the general way costs microseconds.
    const length = value.length;
    this.reserve(length + VARINT_BYTES_MAX);
    const start = this.length;
    this.varint(length);
    for (let at = 0; at < length; at += 1) {
      const code = value.charCodeAt(at);
      if (code > 0x7f) {
        this.length = start;
        this.bytes(utf8Encode(value));
        return;
      }
      this.byte(code);
    }
  }

  /** What was written; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

/** Reads what {@link ByteWriter} wrote. */
export class ByteReader {
  private readonly buffer: Uint8Array;
  private offset = 0;
  /** Something did not make sense; everything read since is worthless. */
  failed = false;

  constructor(buffer: Uint8Array) {
    // What is read of a Node Buffer must not be one: its `slice` is a view, where a copy is meant.
    const { byteOffset, byteLength } = buffer;
    this.buffer = new Uint8Array(buffer.buffer, byteOffset, byteLength);
  }

  get remaining(): number {
    return this.buffer.byteLength - this.offset;
  }

  /** Marks what was read as senseless. */
  fail(): void {
    this.failed = true;
  }

  byte(): number {
    const value = this.buffer[this.offset];
    if (value === undefined || this.failed) {
      this.failed = true;
      return 0;
    }
    this.offset += 1;
    return value;
  }

  /** An integer in 0..2^53-1; only the shortest form is taken. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        const isShortest = count === 0 || byte !== 0;
        if (!isShortest || value > Number.MAX_SAFE_INTEGER) this.failed = true;
        return this.failed ? 0 : value;
      }
      scale *= 0x80;
    }
    this.failed = true;
    return 0;
  }

  /** A view of at most `lengthMax` bytes, not a copy. */
  bytes(lengthMax: number): Uint8Array {
    const length = this.varint();
    if (length > lengthMax || length > this.remaining) this.failed = true;
    if (this.failed) return new Uint8Array(0);
    const value = this.buffer.subarray(this.offset, this.offset + length);
    this.offset += length;
    return value;
  }

  /** At most `lengthMax` bytes of UTF-8. */
  text(lengthMax: number): string {
    const bytes = this.bytes(lengthMax);
    let plain = "";
    for (const byte of bytes) {
      if (byte > 0x7f) return this.decodeText(bytes);
      plain += String.fromCharCode(byte);
    }
    return plain;
  }

  private decodeText(bytes: Uint8Array): string {
    const text = utf8Decode(bytes);
    if (text === undefined) this.failed = true;
    return text ?? "";
  }

  bool(): boolean {
    const value = this.byte();
    if (value > 1) this.failed = true;
    return value === 1;
  }
}
