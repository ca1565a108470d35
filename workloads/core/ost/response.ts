// Responses as bytes.
//
//   0  magic u32 | 4 cmd u16 | 6 cid u16 | 8 res i32 | 12 hash u64, then the payload if one is due
import { assert } from "#api/base/index.ts";

import { readI32, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from "./bytes.ts";
import type { Decoded, OstResponse, RejectReason } from "./protocol.ts";
import {
  carriesPayload,
  commandNames,
  commandNumbers,
  MAGIC,
  PAYLOAD_BYTES_MAX,
  RESPONSE_BYTES,
} from "./protocol.ts";

/** Writes the 20 fixed bytes of `response` to `into` at `at`; the payload goes after them. */
export function writeResponseHead(into: Uint8Array, at: number, response: OstResponse): void {
  const due = carriesPayload(response.command) && response.result > 0 ? response.result : 0;
  assert((response.payload?.byteLength ?? 0) === due, "a response carries exactly `result` bytes");
  writeU32(into, at, MAGIC);
  writeU16(into, at + 4, commandNumbers[response.command]);
  writeU16(into, at + 6, response.cid);
  writeU32(into, at + 8, response.result);
  writeU64(into, at + 12, response.hash);
}

/** The bytes of a response, in one piece. */
export function encodeResponse(response: OstResponse): Uint8Array {
  const bytes = new Uint8Array(RESPONSE_BYTES + (response.payload?.byteLength ?? 0));
  writeResponseHead(bytes, 0, response);
  if (response.payload !== undefined) bytes.set(response.payload, RESPONSE_BYTES);
  return bytes;
}

const empty = new Uint8Array(0);

/**
 * Cuts a byte stream into responses, wherever the chunks are split. Takes ownership of the chunks:
 * a payload that lies within one chunk is a view of it. A payload above 64 MiB is a reject.
 */
export class ResponseDecoder {
  readonly #head = new Uint8Array(RESPONSE_BYTES);
  #headFill = 0;
  #response: (OstResponse & { readonly payload: Uint8Array }) | undefined;
  #payloadFill = 0;
  #reject: RejectReason | undefined;
  #chunk: Uint8Array = empty;
  #at = 0;

  /** The responses that this chunk completes, in order, and why the stream is no good if so. */
  push(chunk: Uint8Array): Decoded<OstResponse> {
    const frames: OstResponse[] = [];
    this.#chunk = chunk;
    this.#at = 0;
    while (this.#at < chunk.byteLength && this.#reject === undefined) {
      const frame = this.#response === undefined ? this.#takeHead() : this.#takePayload();
      if (frame !== undefined) frames.push(frame);
    }
    this.#chunk = empty;
    return this.#reject === undefined ? { frames } : { frames, reject: this.#reject };
  }

  #takeHead(): OstResponse | undefined {
    const end = Math.min(this.#chunk.byteLength, this.#at + RESPONSE_BYTES - this.#headFill);
    if (this.#headFill === 0 && end - this.#at === RESPONSE_BYTES) {
      const start = this.#at;
      this.#at = end;
      return this.#parse(this.#chunk, start);
    }
    this.#head.set(this.#chunk.subarray(this.#at, end), this.#headFill);
    this.#headFill += end - this.#at;
    this.#at = end;
    if (this.#headFill < RESPONSE_BYTES) return undefined;
    this.#headFill = 0;
    return this.#parse(this.#head, 0);
  }

  #parse(bytes: Uint8Array, at: number): OstResponse | undefined {
    const command = commandNames[readU16(bytes, at + 4)];
    const result = readI32(bytes, at + 8);
    const due = command !== undefined && carriesPayload(command) && result > 0 ? result : 0;
    if (readU32(bytes, at) !== MAGIC) this.#reject = "bad-magic";
    else if (command === undefined) this.#reject = "unknown-command";
    else if (due > PAYLOAD_BYTES_MAX) this.#reject = "frame-too-large";
    if (command === undefined || this.#reject !== undefined) return undefined;
    const head = { command, cid: readU16(bytes, at + 6), result, hash: readU64(bytes, at + 12) };
    if (due === 0) return head;
    if (this.#chunk.byteLength - this.#at >= due) {
      const payload = this.#chunk.subarray(this.#at, this.#at + due);
      this.#at += due;
      return { ...head, payload };
    }
    this.#response = { ...head, payload: new Uint8Array(due) };
    this.#payloadFill = 0;
    return undefined;
  }

  #takePayload(): OstResponse | undefined {
    const response = this.#response;
    assert(response !== undefined, "a payload belongs to a response");
    const { payload } = response;
    const end = Math.min(this.#chunk.byteLength, this.#at + payload.byteLength - this.#payloadFill);
    payload.set(this.#chunk.subarray(this.#at, end), this.#payloadFill);
    this.#payloadFill += end - this.#at;
    this.#at = end;
    if (this.#payloadFill < payload.byteLength) return undefined;
    this.#response = undefined;
    return response;
  }
}
