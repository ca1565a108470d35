// Splits a watch stream into lines and decodes each. Sans-io: bytes in, decoded lines out.

import type { WatchLine } from "./transport.ts";

/** Longest line taken; an object is at most 1.5 MB in etcd. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;

/** Thrown for a line that is no watch event; the stream cannot be trusted from there on. */
export class LineError extends Error {
  override readonly name = "LineError";
}

/** One per stream. */
export class LineDecoder {
  #rest: Uint8Array[] = [];
  #restBytes = 0;

  /**
   * The events completed by `chunk`, in order. Keeps the chunk until its line is complete.
   * `receivedAtMs` is passed on with each.
   */
  push(chunk: Uint8Array, receivedAtMs?: number): readonly WatchLine[] {
    const lines: WatchLine[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      if (end < 0) break;
      this.#rest.push(chunk.subarray(start, end));
      const bytes = this.#restBytes + end - start;
      const line = this.#rest.length === 1 ? this.#rest[0] : Buffer.concat(this.#rest);
      this.#rest = [];
      this.#restBytes = 0;
      if (line !== undefined && bytes > 0) lines.push(decodeLine(line, bytes, receivedAtMs));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#restBytes += chunk.length - start;
      if (this.#restBytes > LINE_BYTES_MAX) throw new LineError("line too long");
    }
    return lines;
  }
}

function decodeLine(line: Uint8Array, bytes: number, receivedAtMs?: number): WatchLine {
  let event: unknown;
  try {
    event = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8"));
  } catch (cause) {
    throw new LineError(`not JSON after ${bytes} bytes`, { cause });
  }
  if (typeof event === "object" && event !== null && "type" in event && "object" in event) {
    if (typeof event.type === "string") {
      const { type, object } = event;
      return { type, object, bytes, ...(receivedAtMs === undefined ? {} : { receivedAtMs }) };
    }
  }
  throw new LineError("not a watch event");
}
