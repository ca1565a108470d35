// Cuts the body of an HTTP/2 stream into gRPC messages: one flag byte, a big-endian u32 length, the
// message (grpc/doc/PROTOCOL-HTTP2.md). Never holds more than one message over the limit's size.

/** Bytes in front of each message. */
export const MESSAGE_PREFIX_BYTES = 5;

/** What a {@link MessageReader} answers. */
export type MessageResult =
  | { readonly kind: "messages"; readonly messages: readonly Buffer[] }
  | { readonly kind: "reject"; readonly reason: "compressed" | "too-large" };

/**
 * Cuts a byte stream into gRPC messages, wherever it was split. Keeps views of what it is given.
 */
export class MessageReader {
  #chunks: Buffer[] = [];
  #size = 0;
  readonly #messageBytesMax: number;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** Bytes that are no whole message yet. */
  get pendingBytes(): number {
    return this.#size;
  }

  push(chunk: Buffer): MessageResult {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const messages: Buffer[] = [];
    while (this.#size >= MESSAGE_PREFIX_BYTES) {
      const head = this.#joined(MESSAGE_PREFIX_BYTES);
      if (head[0] !== 0) return { kind: "reject", reason: "compressed" };
      const length = head.readUInt32BE(1);
      if (length > this.#messageBytesMax) return { kind: "reject", reason: "too-large" };
      const total = MESSAGE_PREFIX_BYTES + length;
      if (this.#size < total) break;
      const first = this.#joined(total);
      messages.push(first.subarray(MESSAGE_PREFIX_BYTES, total));
      if (first.length === total) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(total);
      this.#size -= total;
    }
    return { kind: "messages", messages };
  }

  /** The first chunk, made at least `bytes` long by joining it with those after it. */
  #joined(bytes: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

/** The message with its prefix, in one buffer. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, MESSAGE_PREFIX_BYTES);
  return frame;
}
