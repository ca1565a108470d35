// A client that does exactly what a test says, on one TCP connection, with no retry and no opinion.
import { connect } from "node:net";
import type { Socket } from "node:net";

import type { OstCall, OstResponse } from "#workloads/core/ost/index.ts";
import { encodeRequest, ResponseDecoder } from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

/** Every call gets a cid of its own and is answered whenever the server does. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #decoder = new ResponseDecoder();
  readonly #waiting = new Map<number, (response: OstResponse) => void>();
  readonly #received: Buffer[] = [];
  #receivedWaiters: (() => void)[] = [];
  #nextCid = 1;
  #decode = true;
  /** Resolves when the peer has ended or cut the connection. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received.push(Buffer.from(chunk));
      for (const wake of this.#receivedWaiters.splice(0)) wake();
      if (!this.#decode) return;
      const { frames, reject } = this.#decoder.push(chunk);
      if (reject !== undefined) throw new Error(`the server sent garbage: ${reject}`);
      for (const response of frames) this.#take(response);
    });
    socket.on("error", () => undefined); // "close" follows.
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        resolve();
      });
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawPeer(socket);
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Asks with the next cid; the response comes whenever the server sends it. */
  call(call: OstCall): Promise<OstResponse> {
    const cid = this.#nextCid;
    this.#nextCid += 1;
    const { head, payload } = encodeRequest({ ...call, cid });
    const response = new Promise<OstResponse>((resolve) => this.#waiting.set(cid, resolve));
    this.#socket.write(head);
    if (payload !== undefined) this.#socket.write(payload);
    return response;
  }

  /** `call`, and the result of its response. */
  async result(call: OstCall): Promise<number> {
    return (await this.call(call)).result;
  }

  write(offset: number, payload: Uint8Array, sync = false): Promise<OstResponse> {
    return this.call({ command: "write", offset, payload, hash: xxh3(payload), sync });
  }

  read(offset: number, lengthBytes: number): Promise<OstResponse> {
    return this.call({ command: "read", offset, lengthBytes });
  }

  /** From now on bytes are only collected, for `bytes`. */
  collect(): void {
    this.#decode = false;
  }

  /** The first `count` bytes received, once they are there. */
  async bytes(count: number): Promise<Buffer> {
    for (;;) {
      const all = Buffer.concat(this.#received);
      if (all.byteLength >= count) return all.subarray(0, count);
      await new Promise<void>((resolve) => this.#receivedWaiters.push(resolve));
    }
  }

  /** Stops reading, so that the server's answers pile up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #take(response: OstResponse): void {
    const resolve = this.#waiting.get(response.cid);
    if (resolve === undefined) throw new Error(`a response that nobody asked for`);
    this.#waiting.delete(response.cid);
    resolve(response);
  }
}
