// One request over undici's lowest layer: its whole answer, or its body as it comes. undici's own
// `request` makes a Node stream of every body, which costs a third of a call's time and, under
// load, as much memory as the rest of an operator.

import type { Dispatcher } from "undici";

/** An answer, whatever its status. */
export interface Exchanged {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Sees to it that an exchange can be broken off. */
export interface StopSignal {
  /** Calls `cancel` when the exchange has to end, at once if it should have already. */
  whenStopped(cancel: () => void): void;
}

/** An answer whose body is still coming. */
export interface Streamed {
  readonly statusCode: number;
  readonly headers: Exchanged["headers"];
  /** Ends with the body; throws undici's error if it breaks. Single use. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** Chunks that may wait for their reader before the connection is held up. */
const WAITING_MAX = 64;

/** Sends and reads to the last byte. Rejects with undici's error or when `stop` says so. */
export async function exchange(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  stop: StopSignal,
): Promise<Exchanged> {
  const chunks: Buffer[] = [];
  let answer: Pick<Exchanged, "statusCode" | "headers"> = { statusCode: 0, headers: {} };
  return await new Promise((resolve, reject) => {
    dispatch(dispatcher, options, stop, {
      started: (statusCode, headers) => (answer = { statusCode, headers }),
      data: (chunk) => chunks.push(chunk),
      ended: () => resolve({ ...answer, body: joined(chunks) }),
      failed: reject,
    });
  });
}

/** Sends and resolves with the headers. Rejects as {@link exchange} does. */
export async function stream(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  stop: StopSignal,
): Promise<Streamed> {
  const chunks = new Chunks();
  return await new Promise((resolve, reject) => {
    dispatch(dispatcher, options, stop, {
      started: (statusCode, headers) => resolve({ statusCode, headers, chunks }),
      data: (chunk, controller) => chunks.push(chunk, controller),
      ended: () => chunks.end(),
      failed: (cause) => {
        reject(cause);
        chunks.end(cause);
      },
    });
  });
}

/** The bytes of a body that is wanted whole after all. */
export async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return joined(all);
}

interface Handlers {
  started(statusCode: number, headers: Exchanged["headers"]): void;
  data(chunk: Buffer, controller: Dispatcher.DispatchController): void;
  ended(): void;
  /** More than once: first by `stop`, then by the connection that was broken off. */
  failed(cause: Error): void;
}

function dispatch(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  stop: StopSignal,
  handlers: Handlers,
): void {
  let controller: Dispatcher.DispatchController | undefined;
  let stopped: Error | undefined;
  stop.whenStopped(() => {
    stopped = new Error("broken off");
    // Without one it still waits for a connection and is given up when it gets it.
    controller?.abort(stopped);
    handlers.failed(stopped);
  });
  if (stopped !== undefined) return;
  dispatcher.dispatch(options, {
    onRequestStart(started) {
      controller = started;
      if (stopped !== undefined) started.abort(stopped);
    },
    onResponseStart(_, statusCode, headers) {
      handlers.started(statusCode, headers);
    },
    onResponseData(current, chunk) {
      handlers.data(chunk, current);
    },
    onResponseEnd() {
      handlers.ended();
    },
    onResponseError(_, error) {
      handlers.failed(error);
    },
  });
}

/** What has come and was not read yet. */
class Chunks implements AsyncIterable<Buffer> {
  #waiting: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  push(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#waiting.push(chunk);
    this.#controller = controller;
    if (this.#waiting.length >= WAITING_MAX) controller.pause();
    this.#wake?.();
  }

  end(failure?: Error): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const batch = this.#waiting;
      if (batch.length > 0) {
        this.#waiting = [];
        yield* batch;
        if (this.#controller?.paused === true) this.#controller.resume();
      } else if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}
