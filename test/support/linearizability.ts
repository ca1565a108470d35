// Is there an order in which the operations of a history could have happened one after the other,
// each between its call and its return, with these results? Wing and Gong's search with a memory of
// what was tried (Lowe 2017; the idea of Porcupine). Objects that do not touch each other are told
// apart by their key and checked one by one, which is sound because linearizability is local.

/** One operation of one client. Times are of one clock, all different. */
export interface Operation<In, Out> {
  readonly client: string;
  readonly key: string;
  readonly input: In;
  readonly callAt: number;
  /**
   * What came of it, and when it was told. Absent if nobody knows: it may have taken effect at any
   * time after the call, or may still, or never. What is known to have had no effect is left out
   * of a history.
   */
  readonly told?: { readonly output: Out; readonly at: number } | undefined;
}

/** What the object is when nothing happens at the same time. */
export interface Model<State, In, Out> {
  readonly initial: State;
  /** The state after, and the only result that this input can have. Changes nothing. */
  step(state: State, input: In): { readonly state: State; readonly output: Out };
  /** Equal for equal states only. */
  keyOf(state: State): string;
  isEqual(one: Out, two: Out): boolean;
}

/** What the search found. */
export type Verdict<In, Out> =
  | { readonly kind: "linearizable" }
  /** No order exists for this key; `best` is how far the best one got, `stuck` what cannot follow. */
  | {
      readonly kind: "violation";
      readonly key: string;
      readonly best: readonly Operation<In, Out>[];
      readonly stuck: readonly Operation<In, Out>[];
    }
  /** Too many orders to try. */
  | { readonly kind: "undecided"; readonly key: string };

const STEPS_MAX = 2_000_000;

/** Searches key by key and ends at the first that has no order, or too many to try. */
export function checkLinearizable<State, In, Out>(
  history: readonly Operation<In, Out>[],
  model: Model<State, In, Out>,
  options: { readonly stepsMax?: number } = {},
): Verdict<In, Out> {
  const { stepsMax = STEPS_MAX } = options;
  for (const [key, operations] of Map.groupBy(history, (operation) => operation.key)) {
    const found = new Search(operations, model).run(stepsMax);
    if (found.kind === "violation") return { ...found, key };
    if (found.kind === "undecided") return { kind: "undecided", key };
  }
  return { kind: "linearizable" };
}

/** A call or a return in the list of what is not ordered yet. */
interface Event {
  readonly kind: "call" | "return";
  /** Position of the operation in the history. */
  readonly at: number;
  readonly time: number;
  previous: Event | undefined;
  next: Event | undefined;
  /** The return of a call. */
  match: Event | undefined;
}

interface Choice<State> {
  readonly call: Event;
  readonly before: State;
}

type Found<In, Out> =
  | { readonly kind: "linearizable" | "undecided" }
  | {
      readonly kind: "violation";
      readonly best: readonly Operation<In, Out>[];
      readonly stuck: readonly Operation<In, Out>[];
    };

/** The search for one key. */
class Search<State, In, Out> {
  private readonly operations: readonly Operation<In, Out>[];
  private readonly model: Model<State, In, Out>;
  private readonly head: Event;
  private readonly tried = new Set<string>();
  private readonly chosen: Uint8Array;
  private readonly path: Choice<State>[] = [];
  private returnsLeft = 0;
  private best: readonly number[] = [];

  constructor(operations: readonly Operation<In, Out>[], model: Model<State, In, Out>) {
    this.operations = operations;
    this.model = model;
    this.chosen = new Uint8Array(Math.ceil(operations.length / 8));
    this.head = this.list();
  }

  private list(): Event {
    const blank = { previous: undefined, next: undefined, match: undefined };
    const events: Event[] = [];
    for (const [at, { callAt, told }] of this.operations.entries()) {
      const call: Event = { kind: "call", at, time: callAt, ...blank };
      events.push(call);
      if (told === undefined) continue;
      call.match = { kind: "return", at, time: told.at, ...blank };
      events.push(call.match);
      this.returnsLeft += 1;
    }
    events.sort((one, two) => one.time - two.time);
    const head: Event = { kind: "call", at: -1, time: Number.NEGATIVE_INFINITY, ...blank };
    let last = head;
    for (const event of events) {
      last.next = event;
      event.previous = last;
      last = event;
    }
    return head;
  }

  run(stepsMax: number): Found<In, Out> {
    let state = this.model.initial;
    let event = this.head.next;
    for (let steps = 0; this.returnsLeft > 0; steps += 1) {
      if (steps >= stepsMax) return { kind: "undecided" };
      if (event?.kind === "call") {
        const next = this.tryCall(event, state);
        event = next === undefined ? event.next : this.head.next;
        if (next !== undefined) state = next.state;
        continue;
      }
      // A return whose call is not ordered yet, or the end: the last choice was wrong.
      const last = this.path.pop();
      if (last === undefined) return this.violation();
      this.mark(last.call, false);
      state = last.before;
      event = last.call.next;
    }
    return { kind: "linearizable" };
  }

  /** Orders this operation next, if its result fits and this was not tried before. */
  private tryCall(call: Event, before: State): { readonly state: State } | undefined {
    const operation = this.operations[call.at];
    if (operation === undefined) return undefined;
    const { state, output } = this.model.step(before, operation.input);
    const { told } = operation;
    if (told !== undefined && !this.model.isEqual(output, told.output)) return undefined;
    this.mark(call, true);
    const key = `${String.fromCharCode(...this.chosen)}|${this.model.keyOf(state)}`;
    if (this.tried.has(key)) {
      this.mark(call, false);
      return undefined;
    }
    this.tried.add(key);
    this.path.push({ call, before });
    if (this.path.length > this.best.length) this.best = this.path.map((choice) => choice.call.at);
    return { state };
  }

  /** Takes a call and its return out of the list, or puts them back where they were. */
  private mark(call: Event, isChosen: boolean): void {
    const byte = call.at >> 3;
    this.chosen[byte] = (this.chosen[byte] ?? 0) ^ (1 << (call.at & 7));
    const { match } = call;
    if (isChosen) {
      unlink(call);
      if (match !== undefined) unlink(match);
    } else {
      if (match !== undefined) relink(match);
      relink(call);
    }
    if (match !== undefined) this.returnsLeft += isChosen ? -1 : 1;
  }

  private violation(): Found<In, Out> {
    const best = this.best.flatMap((at) => this.operations[at] ?? []);
    const stuck = this.operations.filter((_, at) => !this.best.includes(at));
    return { kind: "violation", best, stuck };
  }
}

function unlink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event.next;
  if (event.next !== undefined) event.next.previous = event.previous;
}

function relink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event;
  if (event.next !== undefined) event.next.previous = event;
}

/** What can be done to a register. */
export type RegisterInput =
  { readonly kind: "read" } | { readonly kind: "write"; readonly value: string };

/** A register with compare-and-set. */
export type CasInput =
  RegisterInput | { readonly kind: "cas"; readonly expect: string; readonly value: string };

/** Result of a read: what was there. Of a write: "". Of a compare-and-set: whether it was set. */
export type CasOutput = string | boolean;

/** A register that can be compared and set. `initial` is what it holds at first. */
export function casModel(initial = ""): Model<string, CasInput, CasOutput> {
  return {
    initial,
    step(state, input) {
      switch (input.kind) {
        case "read":
          return { state, output: state };
        case "write":
          return { state: input.value, output: "" };
        case "cas": {
          const isSet = state === input.expect;
          return { state: isSet ? input.value : state, output: isSet };
        }
      }
    },
    keyOf: (state) => state,
    isEqual: (one, two) => one === two,
  };
}

/** A register that is read and written. */
export function registerModel(initial = ""): Model<string, RegisterInput, CasOutput> {
  return casModel(initial);
}

/** A violation as lines for people: the order that got furthest, then what has no place in it. */
export function tellViolation<In, Out>(
  verdict: Verdict<In, Out> & { readonly kind: "violation" },
): readonly string[] {
  const line = ({ client, input, callAt, told }: Operation<In, Out>): string =>
    `${callAt}..${told?.at ?? "?"} ${client}: ${JSON.stringify(input)} -> ` +
    (told === undefined ? "unknown" : JSON.stringify(told.output));
  const { key, best, stuck } = verdict;
  const told = stuck.filter((operation) => operation.told !== undefined);
  return [
    `no order of the operations on ${key}; the best one:`,
    ...best.map((operation) => `  ${line(operation)}`),
    "what cannot follow:",
    ...told.map((operation) => `  ${line(operation)}`),
  ];
}
