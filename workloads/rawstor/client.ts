// A client of one target: metadata calls on one shared connection, and objects that are opened for
// I/O on a connection of their own (the protocol binds one object to a connection).
import type { Clock, Rng } from "#api/base/index.ts";
import type {
  ListPage,
  LocationInfo,
  ObjectId,
  OstCall,
  OstResponse,
} from "#workloads/core/ost/index.ts";
import {
  decodeListPage,
  decodeLocationInfo,
  decodeSpec,
  errno,
  ID_ZERO,
} from "#workloads/core/ost/index.ts";
import { systemClock, systemRng } from "#workloads/platform/clock/index.ts";

import type { ConnectionTimeouts, TargetAddress } from "./connection.ts";
import { errorOfResult, RawstorError } from "./errors.ts";
import { RemoteObject } from "./object.ts";
import type { RetryPolicy } from "./retry.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** Where the target is, and how patient to be. */
export interface OstClientOptions {
  readonly address: TargetAddress;
  readonly timeouts?: Partial<ConnectionTimeouts>;
  readonly retry?: Partial<RetryPolicy>;
  readonly clock?: Clock;
  readonly rng?: Rng;
}

/** 5 s as upstream; a request is also bounded, which upstream's are not (defect D10). */
const defaultTimeouts: ConnectionTimeouts = { connectMs: 5000, requestMs: 15000 };
/** Attempts outlast a restart of the target of about ten seconds. */
const defaultRetry: RetryPolicy = { attempts: 8, delayMinMs: 50, delayMaxMs: 4000 };

/**
 * Metadata of one target. Every call is retried with backoff while that is safe and throws
 * {@link RawstorError} when it is used up. Close it to end its connection.
 */
export class OstClient {
  readonly #options: {
    readonly address: TargetAddress;
    readonly timeouts: ConnectionTimeouts;
    readonly retry: RetryPolicy;
    readonly clock: Clock;
    readonly rng: Rng;
  };
  readonly #keeper: SessionKeeper;

  constructor(options: OstClientOptions) {
    this.#options = {
      address: options.address,
      timeouts: { ...defaultTimeouts, ...options.timeouts },
      retry: { ...defaultRetry, ...options.retry },
      clock: options.clock ?? systemClock,
      rng: options.rng ?? systemRng,
    };
    this.#keeper = new SessionKeeper(this.#options);
  }

  /**
   * Makes an object of `sizeBytes` zeros, durably. `exists`: there is one of that id, maybe made by
   * an attempt of this very call whose answer was lost; compare its size with `spec`.
   */
  async allocate(id: ObjectId, sizeBytes: number): Promise<"allocated" | "exists"> {
    const { result } = await this.#ask({ command: "allocate", id, sizeBytes });
    if (result === -errno.EEXIST) return "exists";
    if (result < 0) throw errorOfResult(`allocate ${id}`, result);
    return "allocated";
  }

  /** Removes an object, durably. `missing`: there is none, maybe no more. */
  async release(id: ObjectId): Promise<"released" | "missing"> {
    const { result } = await this.#ask({ command: "release", id });
    if (result === -errno.ENOENT) return "missing";
    if (result < 0) throw errorOfResult(`release ${id}`, result);
    return "released";
  }

  /** Size in bytes, or undefined if there is no such object. */
  async spec(id: ObjectId): Promise<number | undefined> {
    const response = await this.#ask({ command: "spec", id });
    if (response.result === -errno.ENOENT) return undefined;
    return this.#decode(`spec ${id}`, response, decodeSpec);
  }

  /** A page of ids after `after` (absent: from the start); `limit` 0 = the target's own. */
  async list(options?: { readonly after?: ObjectId; readonly limit?: number }): Promise<ListPage> {
    const { after = ID_ZERO, limit = 0 } = options ?? {};
    const response = await this.#ask({ command: "list", after, limit });
    return this.#decode("list", response, decodeListPage);
  }

  /** All ids, ascending, page by page. */
  async *listAll(): AsyncGenerator<ObjectId> {
    let after: ObjectId | undefined = ID_ZERO;
    while (after !== undefined) {
      const page: ListPage = await this.list({ after });
      yield* page.ids;
      after = page.next;
    }
  }

  /** What the target holds and can hold. */
  async info(): Promise<LocationInfo> {
    const response = await this.#ask({ command: "location-info" });
    return this.#decode("info", response, decodeLocationInfo);
  }

  /** Opens an object for I/O on its own connection; undefined if there is none. */
  async open(id: ObjectId): Promise<RemoteObject | undefined> {
    return RemoteObject.open(id, this.#options);
  }

  close(): void {
    this.#keeper.close();
  }

  #ask(call: OstCall): Promise<OstResponse> {
    return this.#keeper.call(call);
  }

  #decode<T>(
    what: string,
    response: OstResponse,
    decode: (payload: Uint8Array) => T | undefined,
  ): T {
    if (response.result < 0) throw errorOfResult(what, response.result);
    const value = decode(response.payload ?? new Uint8Array(0));
    if (value !== undefined) return value;
    throw new RawstorError("RAWSTOR_PROTOCOL", `${what}: ${String(response.result)} bytes`);
  }
}
