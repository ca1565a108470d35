// What one hands to a simulation and what comes back. `W` is the world that actions, invariants and
// scripts get: the simulator's own, or one's own around it, with people, machines and ports in it.
import type { KindId } from "#api/meta/index.ts";

import type { AnyController } from "../../controller/types.ts";
import type { Dice } from "./dice.ts";
import type { Host, LeaseTimes, Sabotage } from "./host.ts";
import type { SimWorld } from "./world.ts";

export type { Host, LeaseTimes, Sabotage } from "./host.ts";

/** Something that people, or machines, may do at any time. */
export interface Action<W> {
  readonly name: string;
  /** How often it is drawn beside the others; 1 if not given. */
  readonly weight?: number;
  /** Does it, through `world.server.user...`; may say what it did, for the trace. */
  run(world: W, dice: Dice): string | undefined;
}

/** Says that something happened that must not. */
export type Violated = (what: string) => void;

/** One rule. */
export interface Invariant<W> {
  readonly name: string;
  /** Where the rule is from. */
  readonly source: string;
  /** Begins to listen; returns a look at the settled world, if there is one to take. */
  begin(world: W, violated: Violated): (() => void) | undefined;
}

/** What a script may do with the simulator's faults. */
export interface Hand {
  /** A new draw of how much goes wrong from now on. */
  drawWeather(): void;
  /** One drawn fault of the network or of a process. */
  strike(): void;
  /** A line for the trace. */
  note(what: string): void;
}

/** A simulation: what runs in it, who does what, and what must hold. */
export interface Simulation<W> {
  /** The same seed gives the same run, to the last request. */
  readonly seed: number;
  /** The controllers of one process; called for each process, so that ports are its own. */
  readonly controllers: (host: Host<W>) => readonly AnyController[];
  /** Custom kinds that the API server serves: one's own and those of children. */
  readonly kinds: readonly KindId[];
  /** What people do; drawn in the safety phase. */
  readonly actions: readonly Action<W>[];
  /** Rules besides those that hold for every operator. */
  readonly invariants?: readonly Invariant<W>[];
  /** The world around the API server; may write what is there to begin with. */
  readonly setup?: (sim: SimWorld, dice: Dice) => W;
  /**
   * After the last fault: people leave their objects in a state that can become well. Called again
   * every ten seconds until everything is settled; what it returns is noted.
   */
  readonly mend?: (world: W, round: number) => readonly string[];
  /** What is not well yet; if not given, objects of the controllers' kinds that are not Ready. */
  readonly troubles?: (world: W) => readonly string[];
  /** Steps of the safety phase; 8 if not given. */
  readonly steps?: number;
  /** Operator processes beside each other, with leader election; 2 if not given. */
  readonly processes?: number;
  /** Times of the leader election; those of the runtime if not given. */
  readonly lease?: LeaseTimes;
  /** False: nothing fails; true if not given. */
  readonly faults?: boolean;
  /** Instead of drawn steps: exactly this. For named scenarios. */
  readonly script?: (world: W, hand: Hand) => Promise<void>;
  /** Watches the simulator's own world, besides the rules. */
  readonly onlooker?: Invariant<SimWorld>;
  readonly sabotage?: Sabotage;
  /** Ends the run once this invariant is violated. */
  readonly stopAt?: string;
  /** Keeps every request and change in the trace. */
  readonly traceAll?: boolean;
}

/** How often each fault was injected. */
export type FaultCounts = Readonly<Record<string, number>>;

/** How a run went. */
export interface SimulationReport {
  readonly seed: number;
  /** `<invariant>: <what>`, in order; empty if all is well. */
  readonly violations: readonly string[];
  /** What was done, with virtual seconds. */
  readonly trace: readonly string[];
  readonly faults: FaultCounts;
  /** Writes of operators, leases and Events apart. */
  readonly writes: number;
  /** Of every change of every object and every request: equal for equal runs. */
  readonly digest: string;
}
