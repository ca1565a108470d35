// One request and its whole answer over undici's lowest layer. Its `request` makes a stream of
// every body, which costs a third of a call's time and, under load, as much memory as the rest of
// an operator; bodies of calls are small and wanted whole.

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

/** Sends and reads to the last byte. Rejects with undici's error or when `stop` says so. */
export function exchange(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  stop: StopSignal,
): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let statusCode = 0;
    let headers: Exchanged["headers"] = {};
    let controller: Dispatcher.DispatchController | undefined;
    let stopped: Error | undefined;
    stop.whenStopped(() => {
      stopped = new Error("broken off");
      // Without one it still waits for a connection and is given up when it gets it.
      controller?.abort(stopped);
      reject(stopped);
    });
    if (stopped !== undefined) return;
    dispatcher.dispatch(options, {
      onRequestStart(started) {
        controller = started;
        if (stopped !== undefined) started.abort(stopped);
      },
      onResponseStart(_, status, received) {
        statusCode = status;
        headers = received;
      },
      onResponseData(_, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        const [first] = chunks;
        const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
        resolve({ statusCode, headers, body });
      },
      onResponseError(_, error) {
        reject(error);
      },
    });
  });
}
