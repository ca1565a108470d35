// An open object on one target. Reads and writes run side by side and may be repeated after a
// broken connection: the caller does not let two of them overlap that it would not want in either
// order. Flush is the exception: the target may have been restarted and have lost what was not
// synced, so that a repeated flush would promise too much.
import type { ObjectId, OstCall, OstResponse } from "#workloads/core/ost/index.ts";
import { PAYLOAD_BYTES_MAX } from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { errorOfResult, RawstorError } from "./errors.ts";
import type { KeeperOptions } from "./session-keeper.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** One connection, bound to one object, made again when it breaks. */
export class RemoteObject {
  readonly id: ObjectId;
  readonly #keeper: SessionKeeper;
  /** Counts unsynced changes that were sent; those up to `#flushedCount` are durable. */
  #changeCount = 0;
  #flushedCount = 0;
  /** A connection broke while there were unsynced writes. */
  #inDoubt = false;

  private constructor(id: ObjectId, options: KeeperOptions) {
    this.id = id;
    this.#keeper = new SessionKeeper({
      ...options,
      object: id,
      onBroken: () => {
        this.#inDoubt ||= this.#changeCount > this.#flushedCount;
      },
    });
  }

  /** Undefined if the target has no such object. Throws {@link RawstorError}. */
  static async open(id: ObjectId, options: KeeperOptions): Promise<RemoteObject | undefined> {
    const object = new RemoteObject(id, options);
    try {
      await object.#keeper.ensureConnected();
      return object;
    } catch (cause: unknown) {
      object.close();
      if (cause instanceof RawstorError && cause.code === "RAWSTOR_NOT_FOUND") return undefined;
      throw cause;
    }
  }

  /** Bytes from `offset`: fewer than asked at the end of the object. At most 64 MiB at a time. */
  async read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    this.#assertLength(lengthBytes);
    const response = await this.#ask({ command: "read", offset, lengthBytes });
    return response.payload ?? new Uint8Array(0);
  }

  /**
   * Writes all of `payload` (at most 64 MiB), which must not change until it returns. With `sync`
   * it is durable then, otherwise after the next flush.
   */
  async write(
    offset: number,
    payload: Uint8Array,
    options?: { readonly sync?: boolean },
  ): Promise<void> {
    this.#assertLength(payload.byteLength);
    const sync = options?.sync ?? false;
    if (!sync) this.#changeCount += 1;
    const hash = xxh3(payload);
    const { result } = await this.#ask({ command: "write", offset, payload, hash, sync });
    if (result !== payload.byteLength) {
      const message = `write took ${String(result)} of ${String(payload.byteLength)} bytes`;
      throw new RawstorError("RAWSTOR_PROTOCOL", message);
    }
  }

  /** Makes the range read as zeros and gives its space back. */
  async discard(
    offset: number,
    lengthBytes: number,
    options?: { readonly sync?: boolean },
  ): Promise<void> {
    const sync = options?.sync ?? false;
    if (!sync) this.#changeCount += 1;
    await this.#ask({ command: "discard", offset, lengthBytes, sync });
  }

  /**
   * Everything answered before the call is durable when it returns. Throws RAWSTOR_IN_DOUBT once if
   * that can no longer be promised.
   */
  async flush(): Promise<void> {
    this.#throwIfInDoubt();
    const upTo = this.#changeCount;
    await this.#ask({ command: "flush" });
    this.#throwIfInDoubt();
    this.#flushedCount = Math.max(this.#flushedCount, upTo);
  }

  /** Ends the connection. Unsynced writes may be lost, as with a file that is closed. */
  close(): void {
    this.#keeper.close();
  }

  #throwIfInDoubt(): void {
    if (!this.#inDoubt) return;
    this.#inDoubt = false;
    const message = `unsynced writes to ${this.id} were lost with the connection, maybe`;
    throw new RawstorError("RAWSTOR_IN_DOUBT", message);
  }

  async #ask(call: OstCall): Promise<OstResponse> {
    const response = await this.#keeper.call(call);
    if (response.result < 0) throw errorOfResult(`${call.command} of ${this.id}`, response.result);
    return response;
  }

  #assertLength(lengthBytes: number): void {
    if (lengthBytes <= PAYLOAD_BYTES_MAX) return;
    const message = `${String(lengthBytes)} bytes at once, 64 MiB are allowed`;
    throw new RawstorError("RAWSTOR_REFUSED", message);
  }
}
