// Clients of a simulated group: they write, compare-and-set and read three keys, one request at a
// time each, ask again when they hear nothing, and so need the exactly-once sessions. The state
// machine is a map of keys in front of which the sessions stand; as all members apply the same
// entries in the same order, which the cluster checks, it is computed once per entry.
import type { ClusterClients } from "#workloads/core/raft/testing/cluster.ts";
import type {
  Entry,
  LogIndex,
  MemberId,
  ProposalOutcome,
  RequestId,
} from "#workloads/core/raft/index.ts";
import { DEFAULT_SESSION_SETTINGS, SessionTable } from "#workloads/core/raft/index.ts";

import type { CasInput, CasOutput, Operation } from "../../support/linearizability.ts";

/** Deliberate faults of what stands around the core. */
export type ClientBug = "read-without-asking" | "acknowledge-on-append" | "run-repeated-again";

const KEYS = ["x", "y", "z"];
const VALUES = 5;
/** A client that has heard nothing for so many events asks again, and after so many gives up. */
const PATIENCE = 60;
const ATTEMPTS_MAX = 3;
const [WRITE, CAS] = [1, 2];
const SESSIONS = { ...DEFAULT_SESSION_SETTINGS, sessionTtlMs: 1_000_000 };

interface Client {
  readonly name: string;
  sequence: number;
  pending: Pending | undefined;
}

/** A request under way. */
interface Pending {
  readonly client: Client;
  readonly sequence: number;
  readonly key: string;
  readonly input: CasInput;
  readonly callAt: number;
  attempts: number;
  /** Attempts that certainly never happened. */
  failed: number;
  askedAt: number;
}

interface Attempt {
  readonly pending: Pending;
  readonly member: MemberId;
  /** Where it became an entry. */
  entry: { readonly index: LogIndex; readonly term: number } | undefined;
}

/** What the state holds for each key. */
type State = Readonly<Record<string, string>>;

/** See the top of the file. `random` decides everything. */
export class Clients implements ClusterClients {
  private readonly random: () => number;
  private readonly bug: ClientBug | undefined;
  private readonly clients: readonly Client[];
  private readonly attempts = new Map<RequestId, Attempt>();
  private readonly readers = new Map<RequestId, Pending & { readonly member: MemberId }>();
  private readonly sessions = new SessionTable(SESSIONS);
  private readonly states: State[] = [{}, {}];
  private readonly results = new Map<LogIndex, CasOutput>();
  private readonly terms: number[] = [];
  private readonly history: Operation<CasInput, CasOutput>[] = [];
  private now = 0;
  /** Counts, so that a test can see what happened. */
  readonly seen = { told: 0, unknown: 0, repeated: 0 };

  constructor(random: () => number, options: { readonly count: number; readonly bug?: ClientBug }) {
    this.random = random;
    this.bug = options.bug;
    const names = Array.from({ length: options.count }, (_, at) => `c${at}`);
    this.clients = names.map((name) => ({ name, sequence: 1, pending: undefined }));
    for (const name of names) this.sessions.register(0, name);
  }

  private pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  private tick(): number {
    this.now += 1;
    return this.now;
  }

  command(id: RequestId, member: MemberId, nowMs: number): Uint8Array {
    const pending = this.next(this.tick());
    // Everybody waits: an entry that means nothing.
    if (pending === undefined) return new Uint8Array(2);
    this.attempts.set(id, { pending, member, entry: undefined });
    return encode(pending, this.clients.indexOf(pending.client), nowMs);
  }

  /** Somebody who has waited too long and asks again, or somebody who begins something new. */
  private next(now: number): Pending | undefined {
    const start = this.pick(this.clients.length);
    for (let step = 0; step < this.clients.length; step += 1) {
      const client = this.clients[(start + step) % this.clients.length];
      const { pending } = client ?? {};
      if (client === undefined) continue;
      if (pending === undefined) return this.begin(client, now);
      if (pending.input.kind === "read") continue;
      const isSilent = now - pending.askedAt > PATIENCE || pending.failed === pending.attempts;
      if (!isSilent) continue;
      if (pending.attempts >= ATTEMPTS_MAX) {
        this.giveUp(pending);
        return this.begin(client, now);
      }
      pending.attempts += 1;
      pending.askedAt = now;
      return pending;
    }
    return undefined;
  }

  private begin(client: Client, callAt: number): Pending {
    const key = KEYS[this.pick(KEYS.length)] ?? "x";
    const value = `${this.pick(VALUES)}`;
    const input: CasInput =
      this.random() < 0.5
        ? { kind: "write", value }
        : { kind: "cas", expect: `${this.pick(VALUES)}`, value };
    const { sequence } = client;
    client.sequence += 1;
    const rest = { client, sequence, key, input, callAt, askedAt: callAt };
    client.pending = { ...rest, attempts: 1, failed: 0 };
    return client.pending;
  }

  proposed(outcome: ProposalOutcome, appliedIndex: LogIndex): void {
    const attempt = this.attempts.get(outcome.id);
    if (attempt === undefined) return;
    switch (outcome.kind) {
      case "refused":
        attempt.pending.failed += 1;
        this.attempts.delete(outcome.id);
        return;
      case "unknown":
        this.attempts.delete(outcome.id);
        return;
      case "appended":
        attempt.entry = outcome;
        if (this.bug === "acknowledge-on-append" && attempt.pending.input.kind === "write") {
          this.finish(attempt.pending, "");
        }
        this.applied(attempt.member, appliedIndex);
    }
  }

  chosen(entry: Entry): void {
    const before = this.states[entry.index - 1] ?? {};
    this.terms[entry.index] = entry.term;
    const command = entry.kind === "command" ? decode(entry.data) : undefined;
    const client = command === undefined ? undefined : this.clients[command.client];
    if (command === undefined || client === undefined) {
      this.states[entry.index] = before;
      return;
    }
    const { sequence, key, entryMs } = command;
    let after = before;
    const execute = (): Uint8Array => {
      const held = before[key] ?? "";
      const isSet = command.input.kind !== "cas" || held === command.input.expect;
      if (isSet) after = { ...before, [key]: command.input.value };
      return Uint8Array.of(isSet ? 1 : 0);
    };
    const identity = { kind: "session", session: client.name, settledBelow: 1, sequence } as const;
    const outcome =
      this.bug === "run-repeated-again"
        ? ({ kind: "executed", result: execute() } as const)
        : this.sessions.apply(entryMs, identity, execute);
    if (outcome.kind === "repeated") this.seen.repeated += 1;
    this.states[entry.index] = after;
    if (outcome.kind !== "executed" && outcome.kind !== "repeated") return;
    this.results.set(entry.index, command.input.kind === "cas" ? outcome.result[0] === 1 : "");
  }

  applied(member: MemberId, index: LogIndex): void {
    const now = this.tick();
    for (const [id, attempt] of this.attempts) {
      const { pending, entry } = attempt;
      if (attempt.member !== member || entry === undefined || entry.index > index) continue;
      this.attempts.delete(id);
      const output = this.results.get(entry.index);
      if (this.terms[entry.index] !== entry.term) pending.failed += 1;
      else if (output !== undefined) this.finish(pending, output, now);
    }
  }

  reads(id: RequestId, member: MemberId): void {
    const callAt = this.tick();
    const client = this.clients.find((each) => each.pending === undefined);
    if (client === undefined) return;
    const key = KEYS[this.pick(KEYS.length)] ?? "x";
    const input = { kind: "read" } as const;
    const rest = { client, sequence: 0, key, input, callAt, askedAt: callAt, member };
    const pending = { ...rest, attempts: 1, failed: 0 };
    client.pending = pending;
    this.readers.set(id, pending);
  }

  read(id: RequestId, index: LogIndex | undefined): void {
    const pending = this.readers.get(id);
    if (pending === undefined) return;
    this.readers.delete(id);
    // A read that was refused is as if it had never been.
    if (index === undefined) pending.client.pending = undefined;
    else this.finish(pending, this.states[index]?.[pending.key] ?? "");
  }

  crashed(member: MemberId): void {
    for (const [id, attempt] of this.attempts) {
      if (attempt.member === member) this.attempts.delete(id);
    }
    for (const [id, pending] of this.readers) {
      if (pending.member === member) this.read(id, undefined);
    }
  }

  private finish(pending: Pending, output: CasOutput, at = this.tick()): void {
    if (pending.client.pending !== pending) return;
    pending.client.pending = undefined;
    this.seen.told += 1;
    this.add(pending, { output, at });
  }

  private giveUp(pending: Pending): void {
    pending.client.pending = undefined;
    // What was refused every time has not happened; anything else may have, or may still.
    if (pending.failed === pending.attempts) return;
    this.seen.unknown += 1;
    this.add(pending, undefined);
  }

  private add(
    { client, key, input, callAt }: Pending,
    told: { output: CasOutput; at: number } | undefined,
  ): void {
    this.history.push({ client: client.name, key, input, callAt, told });
  }

  /** Everything that was asked, with a last read of every key of the state after `index`. */
  finalHistory(index: LogIndex): readonly Operation<CasInput, CasOutput>[] {
    for (const { pending } of this.clients) {
      if (pending !== undefined && pending.input.kind !== "read") this.giveUp(pending);
    }
    for (const key of KEYS) {
      const callAt = this.tick();
      const told = { output: this.states[index]?.[key] ?? "", at: this.tick() };
      this.history.push({ client: "last", key, input: { kind: "read" }, callAt, told });
    }
    return this.history;
  }
}

interface Command {
  readonly client: number;
  readonly sequence: number;
  readonly key: string;
  readonly input: Exclude<CasInput, { readonly kind: "read" }>;
  readonly entryMs: number;
}

const COMMAND_BYTES = 14;

function encode({ sequence, key, input }: Pending, client: number, entryMs: number): Uint8Array {
  const expect = input.kind === "cas" ? Number(input.expect) : 0;
  const value = input.kind === "read" ? 0 : Number(input.value);
  const kind = input.kind === "cas" ? CAS : WRITE;
  const fields = [kind, client, sequence, KEYS.indexOf(key), value, expect, entryMs];
  return new Uint8Array(Uint16Array.from(fields).buffer);
}

function decode(data: Uint8Array): Command | undefined {
  if (data.byteLength !== COMMAND_BYTES) return undefined;
  const fields = new Uint16Array(data.slice().buffer);
  const [kind, client = 0, sequence = 0, key = 0, number = 0, expect = 0, entryMs = 0] = fields;
  const value = `${number}`;
  const input =
    kind === CAS
      ? { kind: "cas" as const, expect: `${expect}`, value }
      : { kind: "write" as const, value };
  return { client, sequence, key: KEYS[key] ?? "x", input, entryMs };
}
