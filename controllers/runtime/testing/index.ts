// Public face for tests of operators: a fake API server and clock, and a simulator that runs one's own
// controllers in a world from a seed. Importable from tests only. See README.md for an example.
export { FakeApiServer, StatusError } from "./fake-api-server.ts";
export type { FakeApiServerOptions, Fault, LoggedRequest } from "./fake-api-server.ts";
export { seededRng } from "#api/base/testing/seeded-rng.ts";
export { FakeClock, fakeWorld, settle } from "./fake-clock.ts";
export { memoryLogger } from "./memory-logger.ts";
export { Dice } from "./simulation/dice.ts";
export { SimProcess } from "./simulation/process.ts";
export { sieve } from "./simulation/sieve.ts";
export type { Intent, SievePlan } from "./simulation/sieve.ts";
export { simulate } from "./simulation/simulate.ts";
export { conditionsOf, troubleOf } from "./simulation/troubles.ts";
export type {
  Action,
  FaultCounts,
  Hand,
  Host,
  Invariant,
  Sabotage,
  Simulation,
  SimulationReport,
  Violated,
} from "./simulation/types.ts";
export { SIM_LEASE, SimWorld } from "./simulation/world.ts";
