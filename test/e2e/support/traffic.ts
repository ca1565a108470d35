// Clients outside of the cluster that write and read through any gateway they reach, and a record
// of what they asked and were told, for the check that there is one history and nothing
// acknowledged is missing. Every effect shows in an object's version, so a write that was
// carried out twice has no place in it either.
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

import { isNotDone } from "#api/workload/reasons.ts";
import type { Operation } from "#test/support/linearizability.ts";
import { checkLinearizable, tellViolation } from "#test/support/linearizability.ts";
import type { VersionedInput, VersionedOutput } from "#test/support/versioned-register.ts";
import { readOutput, versionedModel } from "#test/support/versioned-register.ts";
import { evenSlots, makeSlotTable, slotOf } from "#workloads/core/slots/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { eventually } from "./kube.ts";

const CLIENTS = 9;
const PAUSE_MS = 30;
/** Of one partition. */
const OBJECTS_AT_ONCE = 2;
/** An object is left alone after so many operations, or after one of unknown outcome. */
const OPERATIONS_PER_OBJECT = 40;
/** What the gateway is told, and how long an answer of it is waited for. */
const DEADLINE_MS = 3_000;
const PATIENCE_MS = 4_000;
const CONNECT_MS = 1_000;
/** After so many calls a client that had to turn to another gateway tries its own again. */
const CALLS_AWAY_MAX = 100;
/** Far beyond every target: only that writes come back at all is waited for. */
const DEADLINE_OF_WRITES_MS = 60_000;

type Asked = Operation<VersionedInput, VersionedOutput>;

/** What came back of one request. */
type Outcome =
  | { readonly kind: "answered"; readonly output: VersionedOutput }
  /** Surely not done. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unknown"; readonly code: string };

interface HttpAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly text: string;
}

/** Which partition an object of a Hashed class belongs to. */
export function partitionOf(id: string, partitions: number): number {
  const made = makeSlotTable(evenSlots(partitions), partitions);
  if (made.kind === "invalid") throw new Error(made.message);
  return made.table[slotOf(xxh3, id)] ?? 0;
}

/** An id that begins like this, in this partition. */
export function idIn(prefix: string, partition: number, partitions: number): string {
  for (let at = 0; ; at += 1) {
    const id = `${prefix}-${at}`;
    if (partitionOf(id, partitions) === partition) return id;
  }
}

/**
 * One client's way to a gateway, as behind a load balancer: one connection, to the next address when
 * it fails, and back to where it belongs after a while.
 */
class Connection {
  readonly #addresses: readonly string[];
  readonly #home: number;
  #at: number;
  #calls = 0;
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(addresses: readonly string[], first: number) {
    this.#addresses = addresses;
    this.#home = first;
    this.#at = first;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The answer, or why there is none and whether the request had been sent. */
  async call(
    method: string,
    path: string,
    options: { readonly body?: string; readonly ifMatch?: string } = {},
  ): Promise<HttpAnswer | { readonly code: string; readonly isSent: boolean }> {
    const { body, ifMatch } = options;
    this.#calls += 1;
    if (this.#calls % CALLS_AWAY_MAX === 0 && this.#at !== this.#home) this.#turnTo(this.#home);
    const host = this.#addresses[this.#at % this.#addresses.length] ?? "";
    const [hostname = "", port = ""] = host.split(":");
    return await new Promise((resolve) => {
      let isSent = false;
      const sent = request({
        ...{ agent: this.#agent, method, hostname, port, path },
        headers: {
          accept: "application/json",
          "content-type": "application/json",
          "x-oprc-timeout-ms": String(DEADLINE_MS),
          ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
          ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
        },
      });
      const timer = setTimeout(() => sent.destroy(new Error("no answer")), PATIENCE_MS);
      const connecting = setTimeout(() => {
        if (!isSent) sent.destroy(new Error("no connection"));
      }, CONNECT_MS);
      const failed = (cause: Error): void => {
        clearTimeout(timer);
        clearTimeout(connecting);
        this.#turnTo(this.#at + 1);
        const { code } = cause as NodeJS.ErrnoException;
        resolve({ code: code ?? cause.message, isSent });
      };
      sent.on("socket", (socket) => {
        if (!socket.connecting) isSent = true;
        else socket.once("connect", () => (isSent = true));
      });
      sent.on("error", failed);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("error", failed);
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          clearTimeout(timer);
          clearTimeout(connecting);
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, etag: response.headers.etag, text });
        });
      });
      sent.end(body);
    });
  }

  #turnTo(at: number): void {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#at = at;
  }
}

/** Clients that go on until they are stopped. */
export class Traffic {
  readonly #cls: string;
  readonly #partitions: number;
  readonly #addresses: readonly string[];
  readonly #history: Asked[] = [];
  /** Written at least once, by acknowledgement. */
  readonly #objects = new Set<string>();
  /** Version of an object as somebody read it last. */
  readonly #versions = new Map<string, number>();
  /** The objects in use, and how often each was asked. */
  readonly #live: { id: string; count: number; epoch: number }[];
  readonly #lastMs: number[];
  readonly #silenceMs: number[];
  readonly #codes = new Map<string, number>();
  readonly #running: readonly Promise<void>[];
  readonly #counts: number[];
  #unknown = 0;
  #clock = 0;
  #isOver = false;

  constructor(options: {
    readonly cls: string;
    readonly partitions: number;
    /** `host:port` of gateways; a client turns to the next one when a request gets no answer. */
    readonly addresses: readonly string[];
  }) {
    const { cls, partitions, addresses } = options;
    this.#cls = cls;
    this.#partitions = partitions;
    this.#addresses = addresses;
    const now = performance.now();
    this.#lastMs = Array.from({ length: partitions }, () => now);
    this.#counts = Array.from({ length: partitions }, () => 0);
    this.#silenceMs = Array.from({ length: partitions }, () => 0);
    this.#live = Array.from({ length: OBJECTS_AT_ONCE * partitions }, (_, slot) => ({
      id: idIn(`k${slot}-0`, slot % partitions, partitions),
      count: 0,
      epoch: 0,
    }));
    this.#running = Array.from({ length: CLIENTS }, (_, client) => this.#run(client));
  }

  /** Writes that were acknowledged so far. */
  get acknowledged(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** So many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const want = this.acknowledged + count;
    await this.#until(`${count} more writes`, () => this.acknowledged >= want);
  }

  /** Every partition has acknowledged writes that it had not when this was asked. */
  async everywhere(): Promise<void> {
    const before = [...this.#counts];
    // One may have been on its way back when this was asked.
    const isThere = (count: number, at: number): boolean => count > (before[at] ?? 0) + CLIENTS;
    await this.#until("writes to every partition", () => this.#counts.every(isThere));
  }

  async #until(what: string, isThere: () => boolean): Promise<void> {
    await eventually(
      what,
      DEADLINE_OF_WRITES_MS,
      () => Promise.resolve(isThere() ? true : undefined),
      () => Promise.resolve(this.takeCodes().join(", ")),
    );
  }

  /**
   * Per partition the longest time without an acknowledged write since this was asked last, in
   * milliseconds: it begins with the last one before a loss and ends with the first one after it.
   */
  takeSilences(): readonly number[] {
    const now = performance.now();
    const longest = this.#silenceMs.map((silence, partition) =>
      Math.round(Math.max(silence, now - (this.#lastMs[partition] ?? now))),
    );
    this.#silenceMs.fill(0);
    this.#lastMs.fill(now);
    return longest;
  }

  /** Answers other than success since this was asked last, as `3x 503 NO_LEADER`. */
  takeCodes(): readonly string[] {
    const told = [...this.#codes].map(([code, count]) => `${count}x ${code}`);
    this.#codes.clear();
    return told;
  }

  /** In one line what was done so far. */
  summary(): string {
    return (
      `${this.#history.length} operations on ${this.#objects.size} objects, ` +
      `${this.acknowledged} acknowledged writes, ${this.#unknown} of unknown outcome`
    );
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  /**
   * After {@link stop}: reads every object that was written, and looks for an order of everything
   * that explains every answer. Throws with the best order if there is none.
   */
  async check(): Promise<void> {
    const objects = [...this.#objects];
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, reader) => {
        const connection = new Connection(this.#addresses, reader);
        for (let at = reader; at < objects.length; at += CLIENTS) {
          await this.#readAtLast(connection, reader, objects[at] ?? "");
        }
        connection.close();
      }),
    );
    const verdict = checkLinearizable(this.#history, versionedModel);
    if (verdict.kind === "violation") throw new Error(tellViolation(verdict).join("\n"));
    if (verdict.kind === "undecided") throw new Error(`too many orders for ${verdict.key}`);
  }

  async #readAtLast(connection: Connection, client: number, id: string): Promise<void> {
    const codes: string[] = [];
    while (codes.length < 5) {
      const outcome = await this.#operate(connection, client, id, { kind: "read" });
      if (outcome.kind === "answered") return;
      codes.push(outcome.code);
    }
    throw new Error(`${id} cannot be read in the end: ${codes.join(", ")}`);
  }

  async #run(client: number): Promise<void> {
    const gateways = this.#addresses.length;
    const connection = new Connection(this.#addresses, client % gateways);
    const partition = Math.floor(client / gateways) % this.#partitions;
    for (let turn = 0; !this.#isOver; turn += 1) {
      // Its own partition, so that what stands still elsewhere does not stop it.
      const live = this.#live[partition + this.#partitions * (turn % OBJECTS_AT_ONCE)];
      if (live === undefined) throw new Error("there are objects");
      const { id } = live;
      live.count += 1;
      const outcome = await this.#operate(connection, client, id, this.#inputFor(id, client, turn));
      const isSpent = live.count >= OPERATIONS_PER_OBJECT || outcome.kind === "unknown";
      if (isSpent && live.id === id) this.#renew(live);
      await delay(PAUSE_MS);
    }
    connection.close();
  }

  #renew(live: { id: string; count: number; epoch: number }): void {
    const partition = partitionOf(live.id, this.#partitions);
    const [name = ""] = live.id.split("-");
    live.epoch += 1;
    live.count = 0;
    live.id = idIn(`${name}-${live.epoch}`, partition, this.#partitions);
  }

  #inputFor(id: string, client: number, turn: number): VersionedInput {
    const value = `${client}.${turn}`;
    const version = this.#versions.get(id) ?? 0;
    switch (turn % 3) {
      case 0:
        return { kind: "read" };
      case 1:
        return version === 0 ? { kind: "put", value } : { kind: "cas", version, value };
      default:
        return { kind: "put", value };
    }
  }

  /** One operation, and its record. */
  async #operate(
    connection: Connection,
    client: number,
    id: string,
    input: VersionedInput,
  ): Promise<Outcome> {
    const asked = { client: String(client), key: id, input, callAt: (this.#clock += 1) };
    const outcome = await this.#send(connection, id, input);
    switch (outcome.kind) {
      case "answered":
        this.#history.push({ ...asked, told: { output: outcome.output, at: (this.#clock += 1) } });
        if (input.kind !== "read" && outcome.output !== false) this.#wrote(id);
        return outcome;
      case "unknown":
        // A read without an answer says nothing.
        if (input.kind !== "read") {
          this.#history.push(asked);
          this.#unknown += 1;
        }
        break;
      case "refused":
        break;
    }
    this.#codes.set(outcome.code, (this.#codes.get(outcome.code) ?? 0) + 1);
    return outcome;
  }

  #wrote(id: string): void {
    const partition = partitionOf(id, this.#partitions);
    const now = performance.now();
    const silence = now - (this.#lastMs[partition] ?? now);
    this.#silenceMs[partition] = Math.max(this.#silenceMs[partition] ?? 0, silence);
    this.#lastMs[partition] = now;
    this.#objects.add(id);
    this.#counts[partition] = (this.#counts[partition] ?? 0) + 1;
  }

  async #send(connection: Connection, id: string, input: VersionedInput): Promise<Outcome> {
    const path = `/api/class/${this.#cls}/objects/${id}`;
    if (input.kind === "read") {
      const answer = await connection.call("GET", path);
      const found = "status" in answer ? foundIn(answer) : undefined;
      if (found === undefined) return failure(answer);
      this.#versions.set(id, found.version);
      return { kind: "answered", output: readOutput(found) };
    }
    const data = Buffer.from(input.value).toString("base64");
    const body = JSON.stringify({ entries: { v: { data, type: 0 } } });
    const ifMatch = input.kind === "cas" ? { ifMatch: `"${input.version}"` } : {};
    const answer = await connection.call("PUT", path, { body, ...ifMatch });
    const status = "status" in answer ? answer.status : 0;
    if (status === 200) return { kind: "answered", output: input.kind === "cas" ? true : "" };
    if (status === 412 && input.kind === "cas") return { kind: "answered", output: false };
    return failure(answer);
  }
}

/** The object of an answer to GET; undefined if the answer tells of none. */
function foundIn(answer: HttpAnswer): { version: number; value: string } | undefined {
  if (answer.status === 404 && codeOf(answer) === "NO_OBJECT") return { version: 0, value: "" };
  if (answer.status !== 200 || answer.etag === undefined) return undefined;
  const object = JSON.parse(answer.text) as { entries: Record<string, { data: string }> };
  const value = Buffer.from(object.entries["v"]?.data ?? "", "base64").toString();
  return { version: Number(answer.etag.replaceAll('"', "")), value };
}

function codeOf({ text }: HttpAnswer): string {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code ?? text.slice(0, 40);
  } catch {
    return text.slice(0, 40);
  }
}

/** Not done by their nature, although asking again at once would not help. */
const NEVER_DONE = ["STORAGE_FULL", "OVERLOADED", "WINDOW_FULL", "NO_CLASS", "NO_ROUTES"];

function failure(
  answer: HttpAnswer | { readonly code: string; readonly isSent: boolean },
): Outcome {
  if (!("status" in answer)) {
    return { kind: answer.isSent ? "unknown" : "refused", code: answer.code };
  }
  const code = codeOf(answer);
  const isRefused = isNotDone(code) || NEVER_DONE.includes(code);
  return { kind: isRefused ? "refused" : "unknown", code: `${answer.status} ${code}` };
}
