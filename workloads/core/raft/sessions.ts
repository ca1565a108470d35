// Exactly once: the part of a replicated state that remembers which requests were executed and what
// came of them. A client registers a session through the log and numbers its requests; a request
// that comes again is answered from memory. A request with an idempotency key of its own needs no
// session. All time is that written in entries, so that every replica forgets the same things at
// the same entry. Source: Raft dissertation 6.3; IETF draft "Idempotency-Key".
import { utf8Encode } from "#api/base/index.ts";

import { ByteReader, ByteWriter } from "./bytes.ts";

/** Bounds; the same on all replicas of a group, so they change only with the feature level. */
export interface SessionSettings {
  /** A session without a request for this long is forgotten. */
  readonly sessionTtlMs: number;
  /** Registering one more forgets the session that was idle longest. */
  readonly sessionsMax: number;
  /** Requests of one session whose answers the client has not confirmed. */
  readonly windowMax: number;
  readonly keyTtlMs: number;
  /** Beyond it requests with new keys are refused: an early end would execute something twice. */
  readonly keysMax: number;
  /** Longest session id, key or fingerprint, in bytes of UTF-8. */
  readonly idBytesMax: number;
}

/** A day of keys, an hour of sessions. */
export const DEFAULT_SESSION_SETTINGS: SessionSettings = {
  sessionTtlMs: 3_600_000,
  sessionsMax: 10_000,
  windowMax: 1024,
  keyTtlMs: 86_400_000,
  keysMax: 1_000_000,
  idBytesMax: 255,
};

/** A request of a client session that was opened through the log; they are numbered. */
export interface SessionIdentity {
  readonly kind: "session";
  readonly session: string;
  /** Rises by one per request of the session, from 1. */
  readonly sequence: number;
  /** The client has the answers of all requests below. */
  readonly settledBelow: number;
}

/** Who asks, and how a repetition is recognised. */
export type RequestIdentity =
  | SessionIdentity
  | {
      readonly kind: "key";
      readonly key: string;
      /** Tells requests apart that wrongly share a key; "" for none. */
      readonly fingerprint: string;
      /** The slot of what the request changes: the record moves with it. */
      readonly slot: number;
    };

/** What became of a request. Only `executed` ran anything. */
export type RequestOutcome =
  | { readonly kind: "executed"; readonly result: Uint8Array }
  /** It ran before; this was the result. */
  | { readonly kind: "repeated"; readonly result: Uint8Array }
  /** The session is not known (any more): whether the request ran cannot be told. */
  | { readonly kind: "expired" }
  /** It ran before and the client said it has the answer. */
  | { readonly kind: "settled" }
  /** The key belongs to another request. */
  | { readonly kind: "mismatch" }
  /** Too many answers are not confirmed, or too many keys are remembered. */
  | { readonly kind: "full" };

/** A session without its answers. */
export interface SessionHeader {
  readonly settledBelow: number;
  readonly lastMs: number;
}

/** A request that is recognised by its key. */
export interface KeyRecord {
  readonly fingerprint: string;
  readonly slot: number;
  readonly atMs: number;
  readonly result: Uint8Array;
}

/**
 * Hears of every change of a table, one by one, so that it can be kept as records of its own
 * instead of being written as a whole. Undefined is the end of what was there.
 */
export interface SessionJournal {
  session(id: string, header: SessionHeader | undefined): void;
  result(id: string, sequence: number, result: Uint8Array | undefined): void;
  key(key: string, record: KeyRecord | undefined): void;
}

/** What such records amount to, in any order. */
export interface SessionRecords {
  readonly timeMs: number;
  readonly sessions: Iterable<readonly [string, SessionHeader]>;
  readonly results: Iterable<readonly [string, number, Uint8Array]>;
  readonly keys: Iterable<readonly [string, KeyRecord]>;
}

interface Session {
  settledBelow: number;
  lastMs: number;
  readonly results: Map<number, Uint8Array>;
}

const UNHEARD: SessionJournal = {
  session: () => undefined,
  result: () => undefined,
  key: () => undefined,
};

const TABLE_VERSION = 1;

/** Part of a state machine: changed only while entries are applied, in their order. */
export class SessionTable {
  private readonly settings: SessionSettings;
  /** Idle longest first. */
  private readonly sessions = new Map<string, Session>();
  /** Oldest first. */
  private readonly keys = new Map<string, KeyRecord>();
  private nowMs = 0;
  /** Something was taken in: both maps are to be sorted before they are looked through. */
  private isUnsorted = false;
  private readonly journal: SessionJournal;

  constructor(settings: SessionSettings, journal: SessionJournal = UNHEARD) {
    this.settings = settings;
    this.journal = journal;
  }

  /** Holds what these records say and nothing else; the journal hears nothing of it. */
  restore(records: SessionRecords): void {
    this.nowMs = records.timeMs;
    this.sessions.clear();
    this.keys.clear();
    for (const [id, header] of records.sessions) {
      this.sessions.set(id, { ...header, results: new Map() });
    }
    for (const [id, sequence, result] of records.results) {
      this.sessions.get(id)?.results.set(sequence, result);
    }
    for (const [key, record] of records.keys) this.keys.set(key, record);
    // Who was used last comes last; in one millisecond the name decides, on every replica alike.
    reorder(this.sessions, (session) => session.lastMs);
    reorder(this.keys, (record) => record.atMs);
  }

  /**
   * Joins these to what it holds, as the target of a slot move does, record by record: sessions
   * come before their answers. The journal hears of every change.
   */
  take(records: SessionRecords): void {
    this.nowMs = Math.max(this.nowMs, records.timeMs);
    for (const [id, header] of records.sessions) this.takeSession(id, header);
    for (const [id, sequence, result] of records.results) {
      const session = this.sessions.get(id);
      if (session === undefined || sequence < session.settledBelow) continue;
      if (session.results.has(sequence)) continue;
      session.results.set(sequence, result);
      this.journal.result(id, sequence, result);
    }
    for (const [key, record] of records.keys) {
      if (this.keys.has(key)) continue;
      this.keys.set(key, record);
      this.journal.key(key, record);
    }
    this.isUnsorted = true;
  }

  private takeSession(id: string, { settledBelow, lastMs }: SessionHeader): void {
    const own = this.sessions.get(id) ?? { settledBelow: 1, lastMs, results: new Map() };
    this.sessions.set(id, own);
    for (const forgotten of settle(own, settledBelow)) {
      this.journal.result(id, forgotten, undefined);
    }
    own.lastMs = Math.max(own.lastMs, lastMs);
    this.journal.session(id, { settledBelow: own.settledBelow, lastMs: own.lastMs });
  }

  get sessionCount(): number {
    return this.sessions.size;
  }

  get keyCount(): number {
    return this.keys.size;
  }

  /** The time of the table: the latest that any entry carried. Never goes back. */
  get timeMs(): number {
    return this.nowMs;
  }

  /** An entry of this time is applied. What has been idle for too long is forgotten first. */
  advance(entryMs: number): void {
    this.nowMs = Math.max(this.nowMs, entryMs);
    this.sort();
    for (const [id, session] of this.sessions) {
      if (this.nowMs - session.lastMs < this.settings.sessionTtlMs) break;
      this.forget(id, session);
    }
    for (const [key, record] of this.keys) {
      if (this.nowMs - record.atMs < this.settings.keyTtlMs) break;
      this.keys.delete(key);
      this.journal.key(key, undefined);
    }
  }

  /** As {@link restore} leaves them: a replica back from its records has the same order. */
  private sort(): void {
    if (!this.isUnsorted) return;
    this.isUnsorted = false;
    reorder(this.sessions, (session) => session.lastMs);
    reorder(this.keys, (record) => record.atMs);
  }

  /** Of those that were idle longest the one with the smallest name: the same on every replica. */
  private forgetIdlest(): void {
    let idlest: readonly [string, Session] | undefined;
    for (const each of this.sessions) {
      const [id, session] = each;
      if (idlest !== undefined && session.lastMs > idlest[1].lastMs) break;
      if (idlest === undefined || id < idlest[0]) idlest = each;
    }
    if (idlest !== undefined) this.forget(...idlest);
  }

  private forget(id: string, session: Session): void {
    this.sessions.delete(id);
    for (const sequence of session.results.keys()) this.journal.result(id, sequence, undefined);
    this.journal.session(id, undefined);
  }

  /** Makes a session; one that exists under this id stays as it is. */
  register(entryMs: number, session: string): void {
    this.advance(entryMs);
    const known = this.sessions.get(session);
    if (known !== undefined) {
      this.touch(session, known);
      return;
    }
    if (this.sessions.size >= this.settings.sessionsMax) this.forgetIdlest();
    this.sessions.set(session, { settledBelow: 1, lastMs: this.nowMs, results: new Map() });
    this.journal.session(session, { settledBelow: 1, lastMs: this.nowMs });
  }

  /** The client is still there; false if its session is not. */
  keepAlive(entryMs: number, session: string): boolean {
    this.advance(entryMs);
    const known = this.sessions.get(session);
    if (known !== undefined) this.touch(session, known);
    return known !== undefined;
  }

  /** The client is done. */
  close(entryMs: number, session: string): void {
    this.advance(entryMs);
    const known = this.sessions.get(session);
    if (known !== undefined) this.forget(session, known);
  }

  /** Runs a request, or answers it from memory. `execute` runs at most once and must not throw. */
  apply(entryMs: number, identity: RequestIdentity, execute: () => Uint8Array): RequestOutcome {
    this.advance(entryMs);
    if (identity.kind === "session") return this.applyInSession(identity, execute);
    return this.applyWithKey(identity, execute);
  }

  private applyInSession(
    identity: RequestIdentity & { kind: "session" },
    execute: () => Uint8Array,
  ): RequestOutcome {
    const session = this.sessions.get(identity.session);
    if (session === undefined) return { kind: "expired" };
    this.settle(identity, session);
    this.touch(identity.session, session);
    const { sequence } = identity;
    if (sequence < session.settledBelow) return { kind: "settled" };
    const known = session.results.get(sequence);
    if (known !== undefined) return { kind: "repeated", result: known };
    if (sequence - session.settledBelow >= this.settings.windowMax) return { kind: "full" };
    const result = execute();
    session.results.set(sequence, result);
    this.journal.result(identity.session, sequence, result);
    return { kind: "executed", result };
  }

  private applyWithKey(
    identity: RequestIdentity & { kind: "key" },
    execute: () => Uint8Array,
  ): RequestOutcome {
    const known = this.keys.get(identity.key);
    if (known !== undefined) {
      const isSame = known.fingerprint === identity.fingerprint;
      return isSame ? { kind: "repeated", result: known.result } : { kind: "mismatch" };
    }
    if (this.keys.size >= this.settings.keysMax) return { kind: "full" };
    const result = execute();
    const { fingerprint, slot } = identity;
    const record = { fingerprint, slot, atMs: this.nowMs, result };
    this.keys.set(identity.key, record);
    this.journal.key(identity.key, record);
    return { kind: "executed", result };
  }

  private touch(id: string, session: Session): void {
    session.lastMs = this.nowMs;
    this.sessions.delete(id);
    this.sessions.set(id, session);
    this.journal.session(id, { settledBelow: session.settledBelow, lastMs: session.lastMs });
  }

  private settle(identity: RequestIdentity & { kind: "session" }, session: Session): void {
    for (const sequence of settle(session, identity.settledBelow)) {
      this.journal.result(identity.session, sequence, undefined);
    }
  }

  /**
   * The table as bytes, equal for equal tables: for snapshots, digests and, with `slots`, for the
   * target of a slot move, which needs all sessions and the keys of these slots.
   */
  encode(slots?: ReadonlySet<number>): Uint8Array {
    const writer = new ByteWriter();
    writer.byte(TABLE_VERSION);
    writer.varint(this.nowMs);
    writer.varint(this.sessions.size);
    for (const [id, session] of this.sessions) {
      writer.text(id);
      writer.varint(session.lastMs);
      writer.varint(session.settledBelow);
      writer.varint(session.results.size);
      for (const [sequence, result] of session.results) {
        writer.varint(sequence);
        writer.bytes(result);
      }
    }
    const keys = [...this.keys].filter(([, record]) => slots?.has(record.slot) ?? true);
    writer.varint(keys.length);
    for (const [key, { fingerprint, slot, atMs, result }] of keys) {
      writer.text(key);
      writer.text(fingerprint);
      writer.varint(slot);
      writer.varint(atMs);
      writer.bytes(result);
    }
    return writer.finish();
  }

  /**
   * Takes in an encoded table: into an empty one it restores it, into another it joins them, as the
   * target of a slot move does. False, with nothing changed, if the bytes are not a table. Results
   * are copied.
   */
  absorb(bytes: Uint8Array): boolean {
    const other = decodeTable(bytes, this.settings);
    if (other === undefined) return false;
    for (const [id, session] of other.sessions) {
      const own = this.sessions.get(id);
      if (own === undefined) {
        this.sessions.set(id, session);
        continue;
      }
      settle(own, session.settledBelow);
      own.lastMs = Math.max(own.lastMs, session.lastMs);
      for (const [sequence, result] of session.results) {
        if (sequence >= own.settledBelow && !own.results.has(sequence)) {
          own.results.set(sequence, result);
        }
      }
    }
    for (const [key, record] of other.keys) if (!this.keys.has(key)) this.keys.set(key, record);
    this.nowMs = Math.max(this.nowMs, other.nowMs);
    reorder(this.sessions, (session) => session.lastMs);
    reorder(this.keys, (record) => record.atMs);
    return true;
  }
}

/**
 * The client has all answers below: they need not be remembered. Never goes back. Answers which
 * were forgotten.
 */
function settle(session: Session, settledBelow: number): readonly number[] {
  if (settledBelow <= session.settledBelow) return [];
  session.settledBelow = settledBelow;
  const forgotten = [...session.results.keys()].filter((sequence) => sequence < settledBelow);
  for (const sequence of forgotten) session.results.delete(sequence);
  return forgotten;
}

/** Oldest first again; of equal times the smaller name first. */
function reorder<T>(map: Map<string, T>, timeMs: (value: T) => number): void {
  const items = [...map].sort(
    ([a, one], [b, two]) => timeMs(one) - timeMs(two) || (a < b ? -1 : 1),
  );
  map.clear();
  for (const [key, value] of items) map.set(key, value);
}

interface Table {
  readonly nowMs: number;
  readonly sessions: Map<string, Session>;
  readonly keys: Map<string, KeyRecord>;
}

function decodeTable(bytes: Uint8Array, settings: SessionSettings): Table | undefined {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== TABLE_VERSION) return undefined;
  const nowMs = reader.varint();
  const sessions = new Map<string, Session>();
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    const id = reader.text(settings.idBytesMax);
    sessions.set(id, readSession(reader));
  }
  const keys = new Map<string, KeyRecord>();
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    const key = reader.text(settings.idBytesMax);
    const fingerprint = reader.text(settings.idBytesMax);
    const [slot, atMs] = [reader.varint(), reader.varint()];
    keys.set(key, { fingerprint, slot, atMs, result: readCopy(reader) });
  }
  return reader.failed || reader.remaining > 0 ? undefined : { nowMs, sessions, keys };
}

function readSession(reader: ByteReader): Session {
  const lastMs = reader.varint();
  const settledBelow = reader.varint();
  const results = new Map<number, Uint8Array>();
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    const sequence = reader.varint();
    results.set(sequence, readCopy(reader));
  }
  return { settledBelow, lastMs, results };
}

function readCopy(reader: ByteReader): Uint8Array {
  return reader.bytes(reader.remaining).slice();
}

/** True if the identity can be remembered; if not, refuse the request before it is proposed. */
export function isIdentity(identity: RequestIdentity, settings: SessionSettings): boolean {
  if (identity.kind === "session") {
    const { session, sequence, settledBelow } = identity;
    return isId(session, settings) && sequence >= 1 && settledBelow >= 1;
  }
  const { key, fingerprint } = identity;
  return isId(key, settings) && (fingerprint === "" || isId(fingerprint, settings));
}

function isId(text: string, settings: SessionSettings): boolean {
  return text !== "" && utf8Encode(text).byteLength <= settings.idBytesMax;
}
