// What a simulated process is made with, and how it is spoiled on purpose.
import type { Client } from "../../client/client.ts";
import type { ApiRequest } from "../../client/transport.ts";
import type { AnyController } from "../../controller/types.ts";
import type { Dice } from "./dice.ts";
import type { SimProcess } from "./process.ts";

/** What the controllers of one process are made with. */
export interface Host<W> {
  readonly world: W;
  /** The process: its timers, its clock, and whether it runs. */
  readonly process: SimProcess;
  /** The process's client, for ports. Only to be used while the process leads. */
  readonly client: Client;
  /** For ports that need chance; not the world's. */
  readonly dice: Dice;
}

/** A deliberate bug, to show that an invariant sees it. */
export interface Sabotage {
  /** Replaces the controllers of every process. */
  readonly controllers?: (controllers: readonly AnyController[]) => readonly AnyController[];
  /** Changes requests on their way. */
  readonly request?: (request: ApiRequest) => ApiRequest;
  /** No lease: every process leads. */
  readonly withoutLease?: boolean;
}

/** How often the leader renews and how long others wait for it, in milliseconds. */
export interface LeaseTimes {
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
}
