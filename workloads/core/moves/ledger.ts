// Which slots a partition serves, as its own replicated state knows it. A slot without a mark is
// served as the generation says. Marks come from moves: what is on its way here is not served yet,
// what has arrived is, what was given up is not and its new owner is named. Copies come in chains:
// every new attempt of a source has a greater number, its parts are counted, and only the newest
// chain counts on either side. So a source that lost its leadership, or a part that was late, can
// change nothing.
//
//   | version 1 | n (first varint | last varint | mark u8 | right varint) |
//   | n outgoing (id | to | spans | chain | state u8 | cleaned after text) |
//   | n incoming (id | from | spans | chain | parts | objects) | n arrived (id) |
//
// Moves that are over stay on record, in a few bytes: whoever serves by an old generation may still
// begin them anew, and must find that they are over.
import { assert } from "#api/base/index.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";

const { count: SLOTS } = ODGM_SLOTS;
const VERSION = 1;

/** Slots `first`..`last`, both included. */
export interface SlotSpan {
  readonly first: number;
  readonly last: number;
}

/** What a partition's state says about a slot. */
export type SlotMark =
  /** As the generation says. */
  | { readonly kind: "plain" }
  /** A move has brought it. */
  | { readonly kind: "owned" }
  /** A move is bringing it. */
  | { readonly kind: "incoming" }
  /** It was given to this partition. */
  | { readonly kind: "gone"; readonly partition: number };

/** How far the source of a move is. */
export type OutgoingState = "copying" | "cut-over" | "activated" | "cleaned";

/** A move away from here. */
export interface OutgoingMove {
  readonly id: number;
  readonly to: number;
  readonly spans: readonly SlotSpan[];
  /** Of the newest attempt. */
  readonly chain: number;
  readonly state: OutgoingState;
  /** Everything up to this object id is gone. */
  readonly cleanedAfter: string;
}

/** A move to here. */
export interface IncomingMove {
  readonly id: number;
  readonly from: number;
  readonly spans: readonly SlotSpan[];
  readonly chain: number;
  /** Parts of the chain that were taken. */
  readonly parts: number;
  /** Objects that exist among what has come. */
  readonly objects: number;
}

/** Where a part stands in its move. */
export interface PartHead {
  readonly id: number;
  readonly from: number;
  readonly spans: readonly SlotSpan[];
  readonly chain: number;
  /** From 1. */
  readonly part: number;
}

/** What to do with a part; `superseded`: its chain is not the newest, or parts before it miss. */
export type PartVerdict = "next" | "known" | "superseded" | "arrived";

const PLAIN = 0;
const OWNED = 1;
const INCOMING = 2;
const GONE = 3;
const STATES: readonly OutgoingState[] = ["copying", "cut-over", "activated", "cleaned"];

/** See the top of the file. Changed only while commands are applied, in their order. */
export class SlotLedger {
  private readonly marks = new Uint8Array(SLOTS);
  private readonly right = new Uint32Array(SLOTS);
  private marked = 0;
  private readonly leaving = new Map<number, OutgoingMove>();
  private readonly coming = new Map<number, IncomingMove>();
  private readonly here = new Set<number>();

  /** True while every slot is served as the generation says. */
  get isPlain(): boolean {
    return this.marked === 0;
  }

  get outgoing(): readonly OutgoingMove[] {
    return [...this.leaving.values()];
  }

  get incoming(): readonly IncomingMove[] {
    return [...this.coming.values()];
  }

  markOf(slot: number): SlotMark {
    switch (this.marks[slot]) {
      case OWNED:
        return { kind: "owned" };
      case INCOMING:
        return { kind: "incoming" };
      case GONE:
        return { kind: "gone", partition: this.right[slot] ?? 0 };
      default:
        return { kind: "plain" };
    }
  }

  /** A new attempt of a move away; answers it. One that was cut over before stays so. */
  begin(move: Pick<OutgoingMove, "id" | "to" | "spans">): OutgoingMove {
    const known = this.leaving.get(move.id);
    const next: OutgoingMove =
      known === undefined
        ? { ...move, chain: 1, state: "copying", cleanedAfter: "" }
        : { ...known, chain: known.chain + 1 };
    this.leaving.set(move.id, next);
    return next;
  }

  /** The slots are given up from now on. False if the chain is not the newest. */
  cutOver(id: number, chain: number): boolean {
    const move = this.leaving.get(id);
    if (move?.chain !== chain) return false;
    if (move.state !== "copying") return true;
    this.leaving.set(id, { ...move, state: "cut-over" });
    this.mark(move.spans, GONE, move.to);
    return true;
  }

  /** The target serves the slots: what is left of them may go. */
  activated(id: number): void {
    const move = this.leaving.get(id);
    if (move?.state === "cut-over") this.leaving.set(id, { ...move, state: "activated" });
  }

  /** Everything up to this object id is gone, or everything at all. */
  cleaned(id: number, after: string | undefined): void {
    const move = this.leaving.get(id);
    if (move?.state !== "activated") return;
    const isOver = after === undefined;
    this.leaving.set(id, {
      ...move,
      spans: isOver ? [] : move.spans,
      state: isOver ? "cleaned" : "activated",
      cleanedAfter: after ?? "",
    });
  }

  /** Says what a part is; one that is next is counted and its chain is the newest from now on. */
  accept(head: PartHead): PartVerdict {
    const { id, from, spans, chain, part } = head;
    if (this.here.has(id)) return "arrived";
    const known = this.coming.get(id);
    if (known !== undefined && chain < known.chain) return "superseded";
    if (known?.chain === chain && part <= known.parts) return "known";
    const expected = known?.chain === chain ? known.parts + 1 : 1;
    if (part !== expected) return "superseded";
    const objects = known?.objects ?? 0;
    this.coming.set(id, { id, from, spans, chain, parts: part, objects });
    if (known === undefined) this.mark(spans, INCOMING, 0);
    return "next";
  }

  /** So many objects more, or less, exist among what has come. */
  counted(id: number, objects: number): void {
    const move = this.coming.get(id);
    if (move !== undefined) this.coming.set(id, { ...move, objects: move.objects + objects });
  }

  /**
   * Everything up to the source's last entry is here: the slots are served from now on. Answers how
   * many objects came, or undefined if parts of the chain are missing.
   */
  arrive(id: number, chain: number, parts: number): number | undefined {
    if (this.here.has(id)) return 0;
    const move = this.coming.get(id);
    if (move?.chain !== chain || move.parts !== parts) return undefined;
    this.coming.delete(id);
    this.here.add(id);
    this.mark(move.spans, OWNED, 0);
    return move.objects;
  }

  private mark(spans: readonly SlotSpan[], mark: number, right: number): void {
    for (const { first, last } of spans) {
      for (let slot = first; slot <= last; slot += 1) {
        if (this.marks[slot] === PLAIN) this.marked += 1;
        this.marks[slot] = mark;
        this.right[slot] = right;
      }
    }
  }

  /** See the top of the file. */
  encode(): Uint8Array {
    const writer = new ByteWriter();
    writer.byte(VERSION);
    const runs = this.runs();
    writer.varint(runs.length);
    for (const { first, last, mark, right } of runs) {
      writer.varint(first);
      writer.varint(last);
      writer.byte(mark);
      writer.varint(right);
    }
    writer.varint(this.leaving.size);
    for (const move of this.leaving.values()) {
      writer.varint(move.id);
      writer.varint(move.to);
      writeSpans(writer, move.spans);
      writer.varint(move.chain);
      writer.byte(STATES.indexOf(move.state));
      writer.text(move.cleanedAfter);
    }
    writer.varint(this.coming.size);
    for (const move of this.coming.values()) {
      writer.varint(move.id);
      writer.varint(move.from);
      writeSpans(writer, move.spans);
      for (const number of [move.chain, move.parts, move.objects]) writer.varint(number);
    }
    writer.varint(this.here.size);
    for (const id of this.here) writer.varint(id);
    return writer.finish();
  }

  private runs() {
    const runs: { first: number; last: number; mark: number; right: number }[] = [];
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const [mark, right] = [this.marks[slot] ?? PLAIN, this.right[slot] ?? 0];
      const run = runs.at(-1);
      if (mark === PLAIN) continue;
      if (run?.last === slot - 1 && run.mark === mark && run.right === right) run.last = slot;
      else runs.push({ first: slot, last: slot, mark, right });
    }
    return runs;
  }

  /** The inverse of {@link encode}; without bytes every slot is plain. Asserts on any others. */
  static decode(bytes: Uint8Array | undefined): SlotLedger {
    const ledger = new SlotLedger();
    if (bytes === undefined) return ledger;
    const reader = new ByteReader(bytes);
    assert(reader.byte() === VERSION, "a ledger of a version that this release knows");
    for (let count = reader.varint(); count > 0; count -= 1) {
      const [first, last] = [reader.varint(), reader.varint()];
      const mark = reader.byte();
      ledger.mark([{ first, last }], mark, reader.varint());
    }
    for (let count = reader.varint(); count > 0; count -= 1) {
      const [id, to] = [reader.varint(), reader.varint()];
      const spans = readSpans(reader);
      const chain = reader.varint();
      const state = STATES[reader.byte()];
      assert(state !== undefined, "a state of a move that this release knows");
      const cleanedAfter = reader.text(reader.remaining);
      ledger.leaving.set(id, { id, to, spans, chain, state, cleanedAfter });
    }
    for (let count = reader.varint(); count > 0; count -= 1) {
      const [id, from] = [reader.varint(), reader.varint()];
      const spans = readSpans(reader);
      const [chain, parts, objects] = [reader.varint(), reader.varint(), reader.varint()];
      ledger.coming.set(id, { id, from, spans, chain, parts, objects });
    }
    for (let count = reader.varint(); count > 0; count -= 1) ledger.here.add(reader.varint());
    assert(!reader.failed && reader.remaining === 0, "a ledger that is whole");
    return ledger;
  }
}

/** The bytes of spans within a larger form. */
export function writeSpans(writer: ByteWriter, spans: readonly SlotSpan[]): void {
  writer.varint(spans.length);
  for (const { first, last } of spans) {
    writer.varint(first);
    writer.varint(last);
  }
}

/** The inverse. */
export function readSpans(reader: ByteReader): readonly SlotSpan[] {
  const spans: SlotSpan[] = [];
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    const first = reader.varint();
    const last = reader.varint();
    if (first > last || last >= SLOTS) reader.fail();
    else spans.push({ first, last });
  }
  return spans;
}

/** Whether each slot is in these spans. */
export function slotSet(spans: readonly SlotSpan[]): (slot: number) => boolean {
  const table = new Uint8Array(SLOTS);
  for (const { first, last } of spans) table.fill(1, first, last + 1);
  return (slot) => table[slot] === 1;
}
