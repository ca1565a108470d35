// Requests as bytes.
//
//   basic, 40 bytes                          io, 29 bytes (READ, WRITE, DISCARD)
//   0  magic u32 | 4 cmd u16 | 6 cid u16     0  magic u32 | 4 cmd u16 | 6 cid u16
//   8  id, 16 bytes                          8  offset u64
//   24 offset u64, always 0                  16 len u32
//   32 val u64                               20 hash u64
//                                            28 sync u8, then for WRITE len payload bytes
import { assert } from "#api/base/index.ts";

import type { CommandName, Decoded, OstCall, OstRequest, RejectReason } from "./protocol.ts";
import {
  BASIC_REQUEST_BYTES,
  commandNames,
  commandNumbers,
  HEAD_BYTES,
  ID_ZERO,
  IO_REQUEST_BYTES,
  MAGIC,
  PAYLOAD_BYTES_MAX,
} from "./protocol.ts";
import {
  readId,
  readOffset,
  readSize,
  readU16,
  readU32,
  readU64,
  writeId,
  writeSize,
  writeU16,
  writeU32,
  writeU64,
} from "./bytes.ts";

const empty = new Uint8Array(0);

function isIo(command: CommandName): boolean {
  return command === "read" || command === "write" || command === "discard";
}

/** A request on the wire: `head`, and for WRITE the payload as it was given. */
export interface EncodedRequest {
  readonly head: Uint8Array;
  readonly payload?: Uint8Array;
}

/** The bytes of a request. `payload` is the caller's own buffer, not a copy. */
export function encodeRequest(request: OstRequest): EncodedRequest {
  const head = new Uint8Array(isIo(request.command) ? IO_REQUEST_BYTES : BASIC_REQUEST_BYTES);
  writeU32(head, 0, MAGIC);
  writeU16(head, 4, commandNumbers[request.command]);
  writeU16(head, 6, request.cid);
  if (request.command === "write") {
    writeSize(head, 8, request.offset);
    writeU32(head, 16, request.payload.byteLength);
    writeU64(head, 20, request.hash);
    head[28] = request.sync ? 1 : 0;
    return { head, payload: request.payload };
  }
  if (request.command === "read" || request.command === "discard") {
    writeSize(head, 8, request.offset);
    writeU32(head, 16, request.lengthBytes);
    head[28] = request.command === "discard" && request.sync ? 1 : 0;
    return { head };
  }
  writeId(head, 8, idOf(request));
  if (request.command === "allocate") writeSize(head, 32, request.sizeBytes);
  if (request.command === "list") writeSize(head, 32, request.limit);
  return { head };
}

function idOf(call: OstCall) {
  if ("id" in call) return call.id;
  return call.command === "list" ? call.after : ID_ZERO;
}

type WriteRequest = Extract<OstRequest, { command: "write" }>;

/**
 * Cuts a byte stream into requests, wherever the chunks are split. Takes ownership of the chunks:
 * a payload that lies within one chunk is a view of it. Holds at most one frame, and a payload's
 * memory is only touched as its bytes arrive.
 */
export class RequestDecoder {
  readonly #head = new Uint8Array(BASIC_REQUEST_BYTES);
  #headFill = 0;
  #write: WriteRequest | undefined;
  #writeFill = 0;
  #reject: RejectReason | undefined;
  #chunk: Uint8Array = empty;
  #at = 0;

  /** The requests that this chunk completes, in order, and why the stream is no good if so. */
  push(chunk: Uint8Array): Decoded<OstRequest> {
    const frames: OstRequest[] = [];
    this.#chunk = chunk;
    this.#at = 0;
    while (this.#at < chunk.byteLength && this.#reject === undefined) {
      const frame = this.#write === undefined ? this.#takeHead() : this.#takePayload(this.#write);
      if (frame !== undefined) frames.push(frame);
    }
    this.#chunk = empty;
    return this.#reject === undefined ? { frames } : { frames, reject: this.#reject };
  }

  #takeHead(): OstRequest | undefined {
    const available = this.#chunk.byteLength - this.#at;
    const inChunk = this.#headFill === 0 ? this.#headBytes(this.#chunk, this.#at, available) : 0;
    if (this.#reject !== undefined) return undefined;
    if (inChunk > 0 && inChunk <= available) {
      const start = this.#at;
      this.#at += inChunk;
      return this.#parse(this.#chunk, start);
    }
    const known = this.#headBytes(this.#head, 0, this.#headFill);
    const end = Math.min(
      this.#chunk.byteLength,
      this.#at + (known === 0 ? HEAD_BYTES : known) - this.#headFill,
    );
    this.#head.set(this.#chunk.subarray(this.#at, end), this.#headFill);
    this.#headFill += end - this.#at;
    this.#at = end;
    if (this.#headBytes(this.#head, 0, this.#headFill) !== this.#headFill) return undefined;
    this.#headFill = 0;
    return this.#parse(this.#head, 0);
  }

  /** Length of the fixed part, or 0 before its first 8 bytes are there; sets the reject. */
  #headBytes(bytes: Uint8Array, at: number, count: number): number {
    if (count < HEAD_BYTES) return 0;
    const command = commandNames[readU16(bytes, at + 4)];
    if (readU32(bytes, at) !== MAGIC) this.#reject = "bad-magic";
    else if (command === undefined) this.#reject = "unknown-command";
    return command === undefined || !isIo(command) ? BASIC_REQUEST_BYTES : IO_REQUEST_BYTES;
  }

  #parse(bytes: Uint8Array, at: number): OstRequest | undefined {
    const command = commandNames[readU16(bytes, at + 4)];
    assert(command !== undefined, "the command was checked with the head");
    if (command !== "write") return parseFixed(command, bytes, at);
    const length = readU32(bytes, at + 16);
    if (length > PAYLOAD_BYTES_MAX) {
      this.#reject = "frame-too-large";
      return undefined;
    }
    const head = {
      command,
      cid: readU16(bytes, at + 6),
      offset: readOffset(bytes, at + 8),
      hash: readU64(bytes, at + 20),
      sync: bytes[at + 28] !== 0,
    };
    if (this.#chunk.byteLength - this.#at >= length) {
      const payload = this.#chunk.subarray(this.#at, this.#at + length);
      this.#at += length;
      return { ...head, payload };
    }
    this.#write = { ...head, payload: new Uint8Array(length) };
    this.#writeFill = 0;
    return undefined;
  }

  #takePayload(write: WriteRequest): OstRequest | undefined {
    const { payload } = write;
    const end = Math.min(this.#chunk.byteLength, this.#at + payload.byteLength - this.#writeFill);
    payload.set(this.#chunk.subarray(this.#at, end), this.#writeFill);
    this.#writeFill += end - this.#at;
    this.#at = end;
    if (this.#writeFill < payload.byteLength) return undefined;
    this.#write = undefined;
    return write;
  }
}

function parseFixed(
  command: Exclude<CommandName, "write">,
  bytes: Uint8Array,
  at: number,
): OstRequest {
  const cid = readU16(bytes, at + 6);
  switch (command) {
    case "read":
      return {
        command,
        cid,
        offset: readOffset(bytes, at + 8),
        lengthBytes: readU32(bytes, at + 16),
      };
    case "discard":
      return {
        command,
        cid,
        offset: readOffset(bytes, at + 8),
        lengthBytes: readU32(bytes, at + 16),
        sync: bytes[at + 28] !== 0,
      };
    case "allocate":
      return { command, cid, id: readId(bytes, at + 8), sizeBytes: readSize(bytes, at + 32) };
    case "list":
      return { command, cid, after: readId(bytes, at + 8), limit: readSize(bytes, at + 32) };
    case "set-object":
    case "release":
    case "spec":
      return { command, cid, id: readId(bytes, at + 8) };
    case "location-info":
    case "flush":
      return { command, cid };
  }
}
