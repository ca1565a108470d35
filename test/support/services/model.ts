// The words of the test services: which there are, where one can come from, what one is when it
// runs.

/** A program that tests need beside them. */
export type ServiceName = "etcd" | "prometheus" | "zenoh";

/** A service that answers at `url` until `stop` is called. */
export interface RunningService {
  /** `http://127.0.0.1:PORT`; for zenoh the locator `tcp/127.0.0.1:PORT`. */
  readonly url: string;
  /** Ends the service and removes its data; returns when both are gone. Safe to call twice. */
  stop(): Promise<void>;
}

/** A service that cannot be had or did not start; the message says what would help. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}
