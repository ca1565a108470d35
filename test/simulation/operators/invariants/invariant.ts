// What an invariant is: it listens to a world from its beginning and may look at the end.
import type { World } from "../world/world.ts";

/** Says that something happened that must not. */
export type Violated = (what: string) => void;

/** One rule. */
export interface Invariant {
  readonly name: string;
  /** Where the rule is from. */
  readonly source: string;
  /** Begins to listen; returns a look at the settled world, if there is one to take. */
  begin(world: World, violated: Violated): (() => void) | undefined;
}
