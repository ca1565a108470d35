// A move between two partitions in one process: writes go on, attempts are given up at any step,
// parts come late or twice. What was acknowledged is there in the end, once, and every slot has at
// most one partition that serves it at any time.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { xxh3 } from "#workloads/platform/hash/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import type { StoreItem, StoreRange } from "#workloads/core/store/index.ts";
import {
  compareBytes,
  encodeRecord,
  entryKey,
  objectKey,
  parseKey,
} from "#workloads/core/store/index.ts";

import type { MoveCommand, MoveOutcome } from "./commands.ts";
import {
  decodeMoveCommand,
  decodeMoveOutcome,
  encodeMoveCommand,
  encodeMoveOutcome,
} from "./commands.ts";
import { SlotCopy } from "./copy.ts";
import { SlotLedger, slotSet } from "./ledger.ts";
import type { RecordWriter } from "./machine.ts";
import { recordKeyOf, SlotMoves } from "./machine.ts";

const SPANS = [
  { first: 0, last: 1023 },
  { first: 2048, last: 3071 },
];
const MOVE = { id: 7, to: 1, spans: SPANS };
const isIn = slotSet(SPANS);
const moves = (id: string): boolean => isIn(slotOf(xxh3, id));
/** Kind of a record of the shard itself that goes with a slot: its value is an object's id. */
const REMEMBERED = 6;
const SESSION = 4;

/** The records and the state machine of one partition. */
class Partition implements RecordWriter {
  readonly number: number;
  readonly records = new Map<string, Uint8Array>();
  machine = this.newMachine();
  objects = 0;

  constructor(number: number) {
    this.number = number;
  }

  private newMachine(): SlotMoves {
    return new SlotMoves(xxh3, { adopt: () => false, beside: () => [] });
  }

  /** As after a restart: what is in memory is made anew from the records. */
  restart(): void {
    this.machine = this.newMachine();
    this.machine.load(this);
  }

  get(key: Uint8Array) {
    const value = this.records.get(hex(key));
    return value === undefined ? undefined : { value, index: 0 };
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.records.delete(hex(key));
    else this.records.set(hex(key), value);
  }

  *scan({ start, end }: StoreRange): Iterable<StoreItem> {
    const items = [...this.records]
      .map(([name, value]) => ({ key: new Uint8Array(Buffer.from(name, "hex")), value, index: 0 }))
      .filter(({ key }) => compareBytes(key, start) >= 0 && compareBytes(key, end) < 0)
      .sort((a, b) => compareBytes(a.key, b.key));
    yield* items;
  }

  /** Over the wire and through the log. */
  run(command: MoveCommand): MoveOutcome {
    const decoded = decodeMoveCommand(encodeMoveCommand(command));
    if (decoded === undefined) throw new Error("a command that cannot be read");
    const { outcome, objects } = this.machine.run(decoded, this);
    this.objects += objects;
    const answer = decodeMoveOutcome(encodeMoveOutcome(outcome));
    if (answer === undefined) throw new Error("an outcome that cannot be read");
    return answer;
  }

  /** Whether it serves the object: 0 has everything in the beginning, 1 nothing. */
  serves(id: string): boolean {
    const { kind } = this.machine.markOf(id);
    return kind === "owned" || (kind === "plain" && this.number === 0);
  }

  /** Versions of objects, tombstones included, with the number of their entries. */
  content(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const { key, value } of this.scan({ start: objectKey(this.number, "\u0001"), end: END })) {
      const { id, kind } = parseKey(key);
      if (kind === 0) found[id] = Buffer.from(value).toString("hex");
      else found[id] = `${found[id]} ${Buffer.from(value).toString("latin1")}`;
    }
    return found;
  }
}

const END = new Uint8Array(8).fill(0xff);

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}

type Step =
  | { readonly kind: "write"; readonly id: number; readonly entries: number }
  | { readonly kind: "delete"; readonly id: number }
  | { readonly kind: "advance" }
  | { readonly kind: "again" }
  | { readonly kind: "late"; readonly at: number }
  | { readonly kind: "restart" };

/** Two partitions, writers, and one attempt after the other. */
class World {
  readonly source = new Partition(0);
  readonly target = new Partition(1);
  readonly #versions = new Map<string, number>();
  readonly #expected = new Map<string, string>();
  readonly #sent: MoveCommand[] = [];
  #attempt: Generator<undefined, void> | undefined;
  #copy: SlotCopy | undefined;
  isOver = false;

  write(id: string, entries: number): void {
    const serving = [this.source, this.target].filter((partition) => partition.serves(id));
    expect(serving.length).toBeLessThanOrEqual(1);
    const [at] = serving;
    if (at === undefined) return;
    const before = this.#versions.get(id);
    const version = (before ?? 0) + 1;
    this.#versions.set(id, version);
    const isDeleted = entries < 0;
    const record = encodeRecord({
      ...{ version, tombstone: isDeleted, entryCount: Math.max(0, entries), hasEvent: false },
      inline: undefined,
    });
    const had = this.#expected.get(id);
    for (let entry = 0; entry < 4; entry += 1) {
      const value = entry < entries ? Buffer.from(`v${version}e${entry}`) : undefined;
      at.set(entryKey(at.number, id, `e${entry}`), value && new Uint8Array(value));
    }
    at.set(objectKey(at.number, id), record);
    at.objects += (isDeleted ? 0 : 1) - (had === undefined || had.startsWith("deleted") ? 0 : 1);
    const values = Array.from({ length: Math.max(0, entries) }, (_, n) => ` v${version}e${n}`);
    this.#expected.set(id, `${isDeleted ? "deleted " : ""}${hex(record)}${values.join("")}`);
    const own = recordKeyOf(at.number, REMEMBERED, `${id} ${version}`);
    at.set(own, new Uint8Array(Buffer.from(id)));
    if (at === this.source) {
      this.#copy?.changed(id);
      this.#copy?.recordChanged(own);
    }
  }

  /** One step of the newest attempt. */
  advance(): void {
    this.#attempt ??= this.#run();
    if (this.#attempt.next().done === true) this.#attempt = undefined;
  }

  /** The leader of the source is lost: another one begins anew, from what is there. */
  again(): void {
    this.#attempt = undefined;
    this.#copy = undefined;
  }

  /** Something that was sent before comes once more. */
  late(at: number): void {
    const command = this.#sent[at % Math.max(1, this.#sent.length)];
    if (command !== undefined) this.target.run(command);
  }

  *#run(): Generator<undefined, void> {
    const copy = new SlotCopy(xxh3, isIn, (key, value) => {
      if (key[5] === SESSION) return "last";
      if (key[5] !== REMEMBERED) return undefined;
      return slotOf(xxh3, Buffer.from(value).toString());
    });
    this.#copy = copy;
    const begun = this.source.run({ kind: "begin", ...MOVE });
    if (begun.kind !== "begun") throw new Error("not begun");
    const { chain, state } = begun;
    yield undefined;
    let part = 0;
    const send = (command: MoveCommand): MoveOutcome => {
      this.#sent.push(command);
      return this.target.run(command);
    };
    const drain = function* (source: Partition): Generator<undefined, void> {
      for (let more = true; more;) {
        const step = copy.next(source);
        more = step.more;
        for (const changes of step.parts) {
          part += 1;
          const head = { id: MOVE.id, from: 0, spans: SPANS, chain, part };
          const { kind } = send({ kind: "take", ...head, changes });
          if (kind === "superseded") throw new Error("the newest attempt was superseded");
          yield undefined;
        }
      }
    };
    if (state === "copying" || state === "cut-over") {
      yield* drain(this.source);
      copy.gather();
      yield* drain(this.source);
      if (state === "copying") {
        expect(this.source.run({ kind: "cut-over", id: MOVE.id, chain })).toEqual({ kind: "done" });
        yield undefined;
      }
      copy.gather();
      yield* drain(this.source);
      for (const changes of copy.last(this.source)) {
        part += 1;
        send({ kind: "take", id: MOVE.id, from: 0, spans: SPANS, chain, part, changes });
        yield undefined;
      }
      const arrived = send({ kind: "arrive", id: MOVE.id, chain, parts: part, term: 0 });
      expect(arrived).toEqual({ kind: "arrived" });
      yield undefined;
      this.source.run({ kind: "activated", id: MOVE.id });
      yield undefined;
    }
    while (this.source.run({ kind: "clean", id: MOVE.id }).kind === "more") yield undefined;
    this.isOver = true;
  }

  /** Everything is where it belongs, once, as it was written last. */
  check(): void {
    for (const [partition, isHere] of [
      [this.source, (id: string) => !moves(id)],
      [this.target, moves],
    ] as const) {
      const expected = [...this.#expected].filter(([id]) => isHere(id));
      const plain = expected.map(([id, text]) => [id, text.replace("deleted ", "")]);
      expect(partition.content()).toEqual(Object.fromEntries(plain));
      const alive = expected.filter(([, text]) => !text.startsWith("deleted"));
      expect(partition.objects).toBe(alive.length);
    }
    for (const [id, version] of this.#versions) {
      const at = moves(id) ? this.target : this.source;
      for (let each = 1; each <= version; each += 1) {
        expect(at.get(recordKeyOf(at.number, REMEMBERED, `${id} ${each}`))).toBeDefined();
      }
    }
    expect(this.target.get(recordKeyOf(1, SESSION, "client"))).toBeDefined();
  }
}

const STEPS: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("write" as const),
        id: fc.nat({ max: 30 }),
        entries: fc.nat({ max: 4 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("delete" as const), id: fc.nat({ max: 30 }) }),
    },
    { weight: 8, arbitrary: fc.constant({ kind: "advance" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "again" as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("late" as const), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  ),
  { maxLength: 120 },
);

function play(world: World, step: Step): void {
  switch (step.kind) {
    case "write":
      world.write(`object-${step.id}`, step.entries);
      return;
    case "delete":
      world.write(`object-${step.id}`, -1);
      return;
    case "advance":
      world.advance();
      return;
    case "again":
      world.again();
      return;
    case "late":
      world.late(step.at);
      return;
    case "restart":
      world.again();
      world.source.restart();
      world.target.restart();
      return;
  }
}

describe("a move of slots", () => {
  it("loses nothing, doubles nothing, and is served at one place, whatever interrupts it", () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const world = new World();
        world.source.set(recordKeyOf(0, SESSION, "client"), new Uint8Array(1));
        for (let id = 0; id < 30; id += 2) world.write(`object-${id}`, id % 4);
        for (const step of steps) play(world, step);
        for (let turns = 0; !world.isOver && turns < 1_000; turns += 1) world.advance();
        expect(world.isOver).toBe(true);
        for (let at = 0; at < 40; at += 1) world.late(at);
        world.check();
      }),
      { numRuns: 100 },
    );
  });

  it("sends again what is written behind the copy", () => {
    const world = new World();
    world.source.set(recordKeyOf(0, SESSION, "client"), new Uint8Array(1));
    for (let id = 0; id < 30; id += 1) world.write(`object-${id}`, 1);
    // Begun, and everything was sent once.
    for (let step = 0; step < 2; step += 1) world.advance();
    for (let id = 0; id < 40; id += 3) world.write(`object-${id}`, 2);
    for (let step = 0; !world.isOver && step < 100; step += 1) world.advance();
    world.check();
  });

  it("keeps a value that is larger than a part whole", () => {
    const source = new Partition(0);
    const target = new Partition(1);
    const id = Array.from({ length: 100 }, (_, n) => `large-${n}`).find(moves) ?? "";
    const value = new Uint8Array(1_400_000).map((_, at) => at % 251);
    const record = { version: 1, tombstone: false, entryCount: 1, hasEvent: false };
    source.set(objectKey(0, id), encodeRecord({ ...record, inline: undefined }));
    source.set(entryKey(0, id, "blob"), value);
    const copy = new SlotCopy(xxh3, isIn, () => undefined);
    source.run({ kind: "begin", ...MOVE });
    const { parts } = copy.next(source);
    expect(parts.length).toBeGreaterThan(2);
    for (const [at, changes] of parts.entries()) {
      const head = { id: 7, from: 0, spans: SPANS, chain: 1, part: at + 1 };
      expect(target.run({ kind: "take", ...head, changes })).toEqual({ kind: "done" });
    }
    // Not by toEqual, which takes many seconds for so many bytes.
    const arrived = target.get(entryKey(1, id, "blob"))?.value ?? new Uint8Array(0);
    expect(compareBytes(arrived, value)).toBe(0);
  });
});

describe("a ledger", () => {
  it("is the same after it was kept", () => {
    const ledger = new SlotLedger();
    ledger.begin(MOVE);
    ledger.begin(MOVE);
    ledger.cutOver(7, 2);
    ledger.accept({ id: 9, from: 3, spans: [{ first: 5, last: 5 }], chain: 4, part: 1 });
    const again = SlotLedger.decode(ledger.encode());
    expect(again.encode()).toEqual(ledger.encode());
    expect(again.markOf(2048)).toEqual({ kind: "gone", partition: 1 });
    expect(again.markOf(5)).toEqual({ kind: "incoming" });
    expect(again.markOf(1024)).toEqual({ kind: "plain" });
  });

  it("takes parts of the newest attempt only, in their order", () => {
    const ledger = new SlotLedger();
    const head = (chain: number, part: number) => ({ ...MOVE, from: 0, chain, part });
    expect(ledger.accept(head(2, 2))).toBe("superseded");
    expect(ledger.accept(head(2, 1))).toBe("next");
    expect(ledger.accept(head(2, 1))).toBe("known");
    expect(ledger.accept(head(1, 1))).toBe("superseded");
    expect(ledger.accept(head(3, 1))).toBe("next");
    expect(ledger.accept(head(2, 2))).toBe("superseded");
    expect(ledger.arrive(7, 3, 2)).toBeUndefined();
    expect(ledger.arrive(7, 3, 1)).toBe(0);
    expect(ledger.accept(head(4, 1))).toBe("arrived");
  });

  it("gives nothing up for an attempt that is not the newest", () => {
    const ledger = new SlotLedger();
    ledger.begin(MOVE);
    ledger.begin(MOVE);
    expect(ledger.cutOver(7, 1)).toBe(false);
    expect(ledger.isPlain).toBe(true);
  });
});
