// The gateway as a client of Raft partitions: sessions that were opened through the log of a
// partition, and the numbers that its writes get there, so that a write whose answer was lost can
// be sent again and is carried out once (design 5b, Exactly once).
import { randomUUID } from "node:crypto";

import type { CallIdentity } from "#workloads/core/demand/index.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";

/** A partition of a class. */
export interface PartitionName {
  readonly cls: string;
  readonly partition: number;
}

/** A partition, and how long whoever asks for a session of it can wait. */
export interface Wanted extends PartitionName {
  readonly timeoutMs: number;
}

/** Sends OPEN_SESSION for a session of this name; calls back once. */
export type OpenSession = (
  at: Wanted,
  session: string,
  done: (fault: CallFault | undefined) => void,
) => void;

/** A number in a session, to be given back when the write has ended, however it did. */
export interface Turn {
  /** Made anew for each attempt: what is settled moves on. */
  identity(): CallIdentity;
  /** The answer of the write is known, or nobody will ask for it any more. */
  end(): void;
  /** The partition does not know the session (any more): no write gets it again. */
  expire(): void;
}

/** How far numbers may run ahead of the oldest write without an answer; partitions hold 1,024. */
const WINDOW = 1000;
/** Sessions of one partition that have room or unanswered writes. */
const SESSIONS_MAX = 16;

interface Session {
  readonly name: string;
  state: "opening" | "open" | "gone";
  next: number;
  readonly unanswered: Set<number>;
  readonly waiting: ((outcome: Session | CallFault) => void)[];
}

/** Sessions of one gateway. */
export class ClientSessions {
  readonly #open: OpenSession;
  readonly #sessions = new Map<string, Session[]>();
  readonly #newName: () => string;

  constructor(open: OpenSession, newName: () => string = () => `gw-${randomUUID()}`) {
    this.#open = open;
    this.#newName = newName;
  }

  /** Calls back once, in this turn if there is a session with room. */
  turn(at: Wanted, done: (turn: Turn | CallFault) => void): void {
    this.#withSession(at, (session) => {
      if ("code" in session) done(session);
      else done(this.#turnOf(session));
    });
  }

  #withSession(at: Wanted, done: (session: Session | CallFault) => void): void {
    const key = `${at.partition}/${at.cls}`;
    const sessions = (this.#sessions.get(key) ?? []).filter(({ state }) => state !== "gone");
    this.#sessions.set(key, sessions);
    const ready = sessions.find((session) => session.state === "open" && hasRoom(session));
    if (ready !== undefined) {
      done(ready);
      return;
    }
    const opening = sessions.find(({ state }) => state === "opening");
    if (opening !== undefined) {
      opening.waiting.push((outcome) => {
        if ("code" in outcome) done(outcome);
        else this.#withSession(at, done);
      });
      return;
    }
    if (sessions.length >= SESSIONS_MAX) {
      const message = `too many writes to partition ${at.partition} of ${at.cls} have no answer`;
      done({ code: GrpcCode.resourceExhausted, reason: "WINDOW_FULL", message });
      return;
    }
    this.#begin(at, sessions, done);
  }

  #begin(at: Wanted, sessions: Session[], done: (session: Session | CallFault) => void): void {
    const session: Session = {
      name: this.#newName(),
      state: "opening",
      next: 1,
      unanswered: new Set(),
      waiting: [done],
    };
    sessions.push(session);
    this.#open(at, session.name, (fault) => {
      session.state = fault === undefined ? "open" : "gone";
      const outcome = fault ?? session;
      for (const waiting of session.waiting.splice(0)) waiting(outcome);
    });
  }

  #turnOf(session: Session): Turn {
    const sequence = session.next;
    session.next += 1;
    session.unanswered.add(sequence);
    return {
      identity: () => ({
        kind: "session",
        session: session.name,
        sequence,
        settledBelow: oldest(session),
      }),
      end: () => session.unanswered.delete(sequence),
      expire: () => {
        session.state = "gone";
      },
    };
  }
}

/** Everything below has its answer. Sets keep the order in which numbers were given out. */
function oldest(session: Session): number {
  for (const sequence of session.unanswered) return sequence;
  return session.next;
}

function hasRoom(session: Session): boolean {
  return session.next - oldest(session) < WINDOW;
}
