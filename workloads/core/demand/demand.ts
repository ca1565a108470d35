// What a read has to see. A class says it for all its reads; a request may ask for more and never
// for less, so both hold together.
import type { SessionMark } from "./session-token.ts";

/** What a class or a request may say; the words of the resource's field `consistency`. */
export const CONSISTENCIES = ["None", "ReadYourWrites", "BoundedStaleness", "Strong"] as const;

/** One of {@link CONSISTENCIES}. */
export type Consistency = (typeof CONSISTENCIES)[number];

/** Whether this text is one of them, spelt as there. */
export function isConsistency(text: string): text is Consistency {
  return (CONSISTENCIES as readonly string[]).includes(text);
}

/** All of it must hold for a read to be answered. */
export interface ReadDemand {
  /** The read sees every write that was answered before the read began. */
  readonly strong: boolean;
  /** What is read was right at most this long ago; undefined: any age will do. */
  readonly boundMs: number | undefined;
  /** The read sees the writes that brought these marks back. */
  readonly marks: readonly SessionMark[];
}

/** Whatever is there will do. */
export const NO_DEMAND: ReadDemand = { strong: false, boundMs: undefined, marks: [] };

/** What a class or request says. Without a bound BoundedStaleness says nothing. */
export function demandOf(
  consistency: Consistency | undefined,
  boundMs: number | undefined,
  marks: readonly SessionMark[] = [],
): ReadDemand {
  const isBounded = consistency === "BoundedStaleness" && boundMs !== undefined;
  return {
    strong: consistency === "Strong",
    boundMs: isBounded ? boundMs : undefined,
    // Marks are always honoured: they are sent because the caller wants to see its writes.
    marks,
  };
}

/** Both. */
export function strongerDemand(a: ReadDemand, b: ReadDemand): ReadDemand {
  const bounds = [a.boundMs, b.boundMs].filter((bound) => bound !== undefined);
  return {
    strong: a.strong || b.strong,
    boundMs: bounds.length === 0 ? undefined : Math.min(...bounds),
    marks: a.marks.length === 0 ? b.marks : [...a.marks, ...b.marks],
  };
}
