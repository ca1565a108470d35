// Clients of a simulated grid. Each does one thing at a time: it writes, deletes, writes if the
// version is still the one it saw, and reads; it asks who is said to lead, gives up waiting, and asks
// again under the same identity where that is safe. What it was told goes into a history that must
// have an order.
import type { Rng } from "#api/base/index.ts";
import { assertNever } from "#api/base/index.ts";
import type { SessionMark } from "#workloads/core/demand/index.ts";
import type { GroupId, MemberId, RequestIdentity } from "#workloads/core/raft/index.ts";
import type { RaftShard } from "#workloads/odgm/shards/raft.ts";
import type { ReadWish } from "#workloads/odgm/shards/shard.ts";

import type { Operation } from "../../../support/linearizability.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { ObjectInput, ObjectOutput } from "./objects.ts";
import { readOutput } from "./objects.ts";
import type { Reply } from "./shard-calls.ts";
import { leaderOf, look, replyOf, writeOf } from "./shard-calls.ts";
import type { World } from "./world.ts";

/** What clients need to know of the grid. */
export interface ClientWorld {
  readonly world: World;
  readonly network: Network;
  readonly rng: Rng;
  readonly groups: readonly GroupId[];
  /** Machines that may answer. */
  machines(): readonly Machine[];
  violation(text: string): void;
}

/** How many there are and what they do. */
export interface ClientTuning {
  readonly clients: number;
  readonly objects: number;
  /** Bytes added to every value. */
  readonly padding: number;
  /** Between two requests of one client, up to so much. */
  readonly thinkMs: number;
}

/** Who asks again, and how it is recognised. */
type Mode = "session" | "key" | "none";

interface Client {
  readonly name: string;
  readonly mode: Mode;
  /** Waits so long for an answer. */
  readonly patienceMs: number;
  readonly sequences: Map<GroupId, number>;
  /** The session in each group; a new name for each, so that nothing old means it. */
  readonly sessions: Map<GroupId, string>;
  /** Asks what it is told to and nothing else. */
  readonly isOnce: boolean;
  /** Who is said to lead. */
  readonly leaders: Map<GroupId, MemberId>;
  /** Version that this client was last told, by object. */
  readonly seen: Map<string, number>;
  /** Its newest write, by group: where a later read of any replica has to have got. */
  readonly marks: Map<
    GroupId,
    { readonly mark: SessionMark; readonly id: string; readonly version: number }
  >;
  requests: number;
}

/** One request, over all its attempts. */
interface Request {
  readonly client: Client;
  readonly group: GroupId;
  readonly id: string;
  readonly input: ObjectInput;
  readonly identity: RequestIdentity | undefined;
  readonly callAt: number;
  attempts: number;
  /** An attempt may have been carried out, or may be yet. */
  isInDoubt: boolean;
  isOver: boolean;
}

const PATIENCE_MS = { short: 1_500, long: 6_000 };
const ATTEMPTS_MAX = 12;
const RETRY_MS = 60;
const WISH: ReadWish = { strong: true, boundMs: undefined, marks: [], waitMs: 300 };

/** See the top of the file. */
export class Clients {
  private readonly around: ClientWorld;
  private readonly tuning: ClientTuning;
  private readonly clients: readonly Client[];
  private readonly history: Operation<ObjectInput, ObjectOutput>[] = [];
  private readonly open = new Set<Request>();
  private order = 0;
  private isEnding = false;
  /** Counts, so that a test can see what happened. */
  readonly seen = { told: 0, reads: 0, unknown: 0, again: 0, followerReads: 0, unanswered: 0 };

  constructor(around: ClientWorld, tuning: ClientTuning) {
    this.around = around;
    this.tuning = tuning;
    const modes: readonly Mode[] = ["session", "key", "none"];
    this.clients = Array.from({ length: tuning.clients }, (_, at) => ({
      name: `c${at}`,
      mode: modes[at % modes.length] ?? "none",
      patienceMs: around.rng.next() < 0.5 ? PATIENCE_MS.short : PATIENCE_MS.long,
      sequences: new Map(),
      sessions: new Map(),
      isOnce: false,
      leaders: new Map(),
      seen: new Map(),
      marks: new Map(),
      requests: 0,
    }));
  }

  /** They begin, one after the other. */
  start(): void {
    for (const client of this.clients) this.think(client);
  }

  /** They begin nothing new. */
  stop(): void {
    this.isEnding = true;
  }

  /** True when nobody waits for anything. */
  get isIdle(): boolean {
    return this.open.size === 0;
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.around.rng.next() * from.length)];
  }

  /** Calls and answers in one order. */
  private tick(): number {
    this.order += 1;
    return this.order;
  }

  private think(client: Client): void {
    if (client.isOnce) return;
    const { world, rng } = this.around;
    world.after(1 + rng.next() * this.tuning.thinkMs, () => {
      if (this.isEnding) return;
      const group = this.pick(this.around.groups);
      if (group === undefined) return;
      if (client.mode === "session" && !client.sessions.has(group)) this.openSession(client, group);
      else if (rng.next() < 0.12 && client.marks.has(group)) this.readOwn(client, group);
      else this.begin(client, group);
    });
  }

  private begin(client: Client, group: GroupId): void {
    const id = `o${Math.floor(this.around.rng.next() * this.tuning.objects)}`;
    const input = this.inputFor(client, `${group}/${id}`);
    this.ask(this.requestOf(client, { group, id, input }));
  }

  private inputFor(client: Client, object: string): ObjectInput {
    const { rng } = this.around;
    client.requests += 1;
    const value = `${client.name}.${client.requests}`;
    const dice = rng.next();
    if (dice < 0.4) return { kind: "read" };
    if (dice < 0.75) return { kind: "write", value };
    if (dice < 0.93) return { kind: "cas", expected: client.seen.get(object) ?? 0, value };
    return { kind: "delete" };
  }

  private requestOf(client: Client, what: Pick<Request, "group" | "id" | "input">): Request {
    const request = {
      client,
      ...what,
      identity: what.input.kind === "read" ? undefined : this.identityOf(client, what.group),
      callAt: this.tick(),
      attempts: 0,
      isInDoubt: false,
      isOver: false,
    };
    this.open.add(request);
    return request;
  }

  private identityOf(client: Client, group: GroupId): RequestIdentity | undefined {
    switch (client.mode) {
      case "none":
        return undefined;
      case "key":
        return { kind: "key", key: `${client.name}-${client.requests}`, fingerprint: "f", slot: 0 };
      case "session": {
        const sequence = (client.sequences.get(group) ?? 0) + 1;
        client.sequences.set(group, sequence);
        const session = client.sessions.get(group) ?? "";
        return { kind: "session", session, sequence, settledBelow: sequence };
      }
      default:
        return assertNever(client.mode);
    }
  }

  /** One attempt. */
  private ask(request: Request): void {
    if (request.isOver) return;
    const { client, group, input } = request;
    request.attempts += 1;
    if (request.attempts > 1) this.seen.again += 1;
    const machine = this.target(client, group);
    if (machine === undefined) {
      this.later(request);
      return;
    }
    const attempt = request.attempts;
    const repeats = input.kind === "read" || request.identity !== undefined;
    this.call(
      { client, machine, repeats },
      (shard, answer) => {
        if (input.kind === "read") this.read(shard, request, answer);
        else this.write(shard, request, answer);
      },
      (reply) => this.answered(request, attempt, reply),
    );
  }

  private target(client: Client, group: GroupId): Machine | undefined {
    const all = this.around.machines();
    // Last reads are of what is there: not of dice that find lost machines twelve times.
    const machines = client.isOnce ? all.filter(({ isLost }) => !isLost) : all;
    const leader = client.leaders.get(group);
    const known = machines.find(({ member }) => member === leader);
    if (known !== undefined && this.around.rng.next() < 0.95) return known;
    return this.pick(machines);
  }

  /** Takes a call to a machine and its answer back; an answer that does not come is a doubt. */
  private call(
    way: { readonly client: Client; readonly machine: Machine; readonly repeats: boolean },
    run: (shards: Machine, answer: (reply: Reply) => void) => void,
    done: (reply: Reply) => void,
  ): void {
    const { client, machine, repeats } = way;
    const { world, network } = this.around;
    let isDone = false;
    const end = (reply: Reply): void => {
      if (isDone) return;
      isDone = true;
      done(reply);
    };
    world.after(client.patienceMs, () => end({ kind: "doubt" }));
    const there = { from: client.name, to: machine.member, repeats };
    const back = { from: machine.member, to: client.name };
    network.carry(there, world.nowMs, () => {
      const { loop } = machine;
      if (loop === undefined || machine.process === undefined) {
        network.carry(back, world.nowMs, () => end({ kind: "refused", leader: undefined }));
        return;
      }
      loop.arrive(() => {
        run(machine, (reply) => {
          if (!loop.isOver) network.carry(back, loop.atMs, () => end(reply));
        });
      });
    });
  }

  private shardOf(machine: Machine, group: GroupId): RaftShard | undefined {
    return machine.process?.shards.get(group);
  }

  private write(machine: Machine, request: Request, answer: (reply: Reply) => void): void {
    const { client, group, id, identity } = request;
    const shard = this.shardOf(machine, group);
    if (shard === undefined) {
      answer({ kind: "refused", leader: undefined });
      return;
    }
    shard.write(
      writeOf(request, this.tuning.padding),
      { mayGrow: true, view: false, identity },
      (outcome) => {
        const reply = replyOf(outcome, shard);
        if (outcome.kind === "done" && outcome.version > 0) {
          client.marks.set(group, { mark: shard.mark, id, version: outcome.version });
        }
        answer(reply);
      },
    );
  }

  private read(machine: Machine, request: Request, answer: (reply: Reply) => void): void {
    const { group, id } = request;
    const shard = this.shardOf(machine, group);
    if (shard === undefined) {
      answer({ kind: "refused", leader: undefined });
      return;
    }
    look(shard, { wish: WISH, id }, (found) => {
      if (found === undefined) answer({ kind: "refused", leader: leaderOf(shard) });
      else answer({ kind: "told", output: readOutput(found.version, found.value) });
    });
  }

  private answered(request: Request, attempt: number, reply: Reply): void {
    const { client, group } = request;
    if (request.isOver) return;
    switch (reply.kind) {
      case "told":
        this.finish(request, reply.output);
        return;
      case "lost":
        client.sessions.delete(group);
        this.leave(request);
        return;
      case "refused":
        if (reply.leader === undefined) client.leaders.delete(group);
        else client.leaders.set(group, reply.leader);
        break;
      case "doubt":
        client.leaders.delete(group);
        if (request.input.kind !== "read") request.isInDoubt = true;
        break;
      default:
        assertNever(reply);
    }
    if (attempt === request.attempts) this.later(request);
  }

  /** Asks again soon, unless that is not safe or there is no point in it. */
  private later(request: Request): void {
    const isSafe = !request.isInDoubt || request.identity !== undefined;
    if (!isSafe || request.attempts >= ATTEMPTS_MAX) {
      this.leave(request);
      return;
    }
    const { world, rng } = this.around;
    world.after(RETRY_MS * (0.5 + rng.next()) * Math.min(4, request.attempts), () =>
      this.ask(request),
    );
  }

  /** Who may ask twice may be refused by one copy of the question while another is on its way. */
  private leave(request: Request): void {
    if (request.isInDoubt || request.identity !== undefined) this.giveUp(request);
    else this.forget(request);
  }

  private finish(request: Request, output: ObjectOutput): void {
    const { client, group, id, input, callAt } = request;
    this.end(request);
    const version = Number(/\d+/.exec(output)?.[0]);
    const isGone = input.kind === "delete" || output.endsWith(" -");
    client.seen.set(`${group}/${id}`, isGone ? 0 : version);
    if (input.kind === "read") this.seen.reads += 1;
    else this.seen.told += 1;
    const told = { output, at: this.tick() };
    this.history.push({ client: client.name, key: `${group}/${id}`, input, callAt, told });
  }

  /** It may have happened, or may still. */
  private giveUp(request: Request): void {
    const { client, group, id, input, callAt } = request;
    this.end(request);
    this.seen.unknown += 1;
    this.history.push({ client: client.name, key: `${group}/${id}`, input, callAt });
  }

  /** It has not happened. */
  private forget(request: Request): void {
    this.seen.unanswered += 1;
    this.end(request);
  }

  private end(request: Request): void {
    request.isOver = true;
    this.open.delete(request);
    this.think(request.client);
  }

  private openSession(client: Client, group: GroupId): void {
    const machine = this.target(client, group);
    const again = (): void => this.think(client);
    client.requests += 1;
    const session = `${client.name}.${client.requests}`;
    if (machine === undefined) {
      again();
      return;
    }
    this.call(
      { client, machine, repeats: true },
      (there, answer) => {
        const shard = this.shardOf(there, group);
        if (shard === undefined) {
          answer({ kind: "refused", leader: undefined });
          return;
        }
        shard.openSession(session, (failure) => {
          if (failure === undefined) answer({ kind: "told", output: "" });
          else answer({ kind: "refused", leader: leaderOf(shard) });
        });
      },
      (reply) => {
        if (reply.kind === "told") client.sessions.set(group, session);
        else if (reply.kind === "refused" && reply.leader !== undefined) {
          client.leaders.set(group, reply.leader);
        } else client.leaders.delete(group);
        again();
      },
    );
  }

  /** A read of any replica that has to show what this client wrote. */
  private readOwn(client: Client, group: GroupId): void {
    const own = client.marks.get(group);
    const machine = this.pick(this.around.machines());
    if (own === undefined || machine === undefined) {
      this.think(client);
      return;
    }
    const wish: ReadWish = { strong: false, boundMs: undefined, marks: [own.mark], waitMs: 300 };
    this.call(
      { client, machine, repeats: true },
      (there, answer) => {
        const shard = this.shardOf(there, group);
        if (shard === undefined) {
          answer({ kind: "refused", leader: undefined });
          return;
        }
        look(shard, { wish, id: own.id }, (found) => {
          if (found === undefined) {
            answer({ kind: "lost" });
            return;
          }
          this.seen.followerReads += 1;
          if (found.version < own.version) {
            const text = `${machine.member} shows version ${found.version} of ${group}/${own.id}`;
            this.around.violation(
              `read your writes: ${text} to ${client.name}, which wrote ${own.version}`,
            );
          }
          answer({ kind: "lost" });
        });
      },
      () => this.think(client),
    );
  }

  /** One last read of every object, wherever it is answered. */
  lastReads(): void {
    const last: Client = {
      name: "last",
      mode: "none",
      patienceMs: PATIENCE_MS.short,
      sequences: new Map(),
      sessions: new Map(),
      isOnce: true,
      leaders: new Map(),
      seen: new Map(),
      marks: new Map(),
      requests: 0,
    };
    for (const group of this.around.groups) {
      for (let at = 0; at < this.tuning.objects; at += 1) {
        const input = { kind: "read" } as const;
        this.ask(this.requestOf(last, { group, id: `o${at}`, input }));
      }
    }
  }

  /** Everything that was asked and may have happened. */
  finalHistory(): readonly Operation<ObjectInput, ObjectOutput>[] {
    for (const request of [...this.open]) {
      if (request.isInDoubt || request.input.kind !== "read") this.giveUp(request);
    }
    return this.history;
  }
}
