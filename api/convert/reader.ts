// Reading a foreign document without losing anything: every field is asked for by its names, every
// value is taken exactly or refused, and what nobody asked for is told.

import type { ScalarSource, Source } from "./source.ts";

/** Something that a person must know about the conversion. */
export interface Note {
  /** Path in the foreign document, such as `classes[0].state_spec`; empty for the whole. */
  readonly path: string;
  /** Line in the text, from 1. */
  readonly line: number;
  readonly message: string;
}

/** Collects notes. A warning is about something that was left out or means something else here; a
 * refusal is about something that cannot be converted, and then there is no result. */
export class Notes {
  readonly warnings: Note[] = [];
  readonly refusals: Note[] = [];
}

/** A field: its path, its value, and where notes go. Absent fields and nulls are `undefined`. */
export class Field {
  readonly path: string;
  readonly source: Source;
  readonly #notes: Notes;

  constructor(path: string, source: Source, notes: Notes) {
    this.path = path;
    this.source = source;
    this.#notes = notes;
  }

  warn(message: string): void {
    this.#notes.warnings.push({ path: this.path, line: this.source.line, message });
  }

  refuse(message: string): undefined {
    this.#notes.refusals.push({ path: this.path, line: this.source.line, message });
    return undefined;
  }

  /** A map; its fields must all be asked for before {@link Fields.done}. */
  fields(): Fields | undefined {
    if (this.source.kind !== "map") return this.refuse("must be a map");
    return new Fields(this, this.source.entries, this.#notes);
  }

  /** The items of a list. */
  items(): readonly Field[] {
    if (this.source.kind !== "list") {
      this.refuse("must be a list");
      return [];
    }
    return this.source.items.map((item, index) => this.child(`[${index}]`, item));
  }

  /** The entries of a map whose keys are data, in their order. */
  entries(): readonly (readonly [string, Field])[] {
    if (this.source.kind !== "map") {
      this.refuse("must be a map");
      return [];
    }
    return [...this.source.entries].map(([key, value]) => [key, this.child(`[${key}]`, value)]);
  }

  /** Text; numbers and booleans as they were written. */
  text(): string | undefined {
    const scalar = this.#scalar("text");
    return scalar?.text;
  }

  /** A whole number, exactly. */
  integer(range: { readonly min: number; readonly max: number }): number | undefined {
    const scalar = this.#scalar("a whole number");
    if (scalar === undefined) return undefined;
    if (!/^-?[0-9]+$/.test(scalar.text)) {
      return this.refuse(`${scalar.text} is not a whole number; it would have to be rounded`);
    }
    const value = Number(scalar.text);
    if (!Number.isSafeInteger(value)) return this.refuse(`${scalar.text} is beyond 2^53`);
    if (value < range.min || value > range.max) {
      return this.refuse(`${scalar.text} is not from ${range.min} to ${range.max}`);
    }
    return value;
  }

  boolean(): boolean | undefined {
    const scalar = this.#scalar("true or false");
    if (scalar === undefined) return undefined;
    if (scalar.text === "true") return true;
    if (scalar.text === "false") return false;
    return this.refuse(`${scalar.text} is not true or false`);
  }

  /** A ratio from 0 to 1 as a decimal string, digit for digit. */
  ratio(): string | undefined {
    const scalar = this.#scalar("a number from 0 to 1");
    if (scalar === undefined) return undefined;
    const text = scalar.text.replace(/^\./, "0.").replace(/\.$/, "");
    if (/^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$/.test(text)) return text;
    if (/^[0-9]+(\.[0-9]+)?$/.test(text) && Number(text) > 1) {
      return this.refuse(`${text} is above 1; a ratio is meant, such as 0.999`);
    }
    return this.refuse(`${text} is not a ratio of at most 9 decimal places`);
  }

  /** One of the words of a table, upper and lower case alike. */
  word<Value extends string>(table: Readonly<Record<string, Value>>): Value | undefined {
    const scalar = this.#scalar("a word");
    if (scalar === undefined) return undefined;
    const found = table[scalar.text.toUpperCase()];
    if (found !== undefined) return found;
    const known = Object.keys(table).join(", ");
    return this.refuse(`${JSON.stringify(scalar.text)} is not one of ${known}`);
  }

  /** Texts of a list. */
  texts(): readonly string[] {
    return this.items().flatMap((item) => item.text() ?? []);
  }

  child(suffix: string, source: Source): Field {
    return new Field(`${this.path}${suffix}`, source, this.#notes);
  }

  #scalar(what: string): ScalarSource | undefined {
    if (this.source.kind === "scalar") return this.source;
    return this.refuse(`must be ${what}`);
  }
}

/** The fields of a map, by name and alias. */
export class Fields {
  readonly field: Field;
  readonly #entries: ReadonlyMap<string, Source>;
  readonly #asked = new Set<string>();
  readonly #notes: Notes;

  constructor(field: Field, entries: ReadonlyMap<string, Source>, notes: Notes) {
    this.field = field;
    this.#entries = entries;
    this.#notes = notes;
  }

  has(name: string): boolean {
    const source = this.#entries.get(name);
    return source !== undefined && !(source.kind === "scalar" && source.type === "null");
  }

  /** The field under one of its names. Two names with different values are refused. */
  get(...names: readonly string[]): Field | undefined {
    const found = names.flatMap((name) => {
      this.#asked.add(name);
      const source = this.#entries.get(name);
      if (source === undefined || (source.kind === "scalar" && source.type === "null")) return [];
      const prefix = this.field.path === "" ? "" : ".";
      return [this.field.child(`${prefix}${name}`, source)];
    });
    const [first, second] = found;
    if (first !== undefined && second !== undefined && !sameValue(first.source, second.source)) {
      second.refuse(`says something else than ${first.path}`);
    }
    return first;
  }

  /** Like get, for what has no place here: warns with the reason if it is there. */
  leave(reason: string, ...names: readonly string[]): void {
    for (const name of names) this.get(name)?.warn(`left out: ${reason}`);
  }

  /** Warns about every field that nobody asked for. */
  done(): void {
    for (const [name, source] of this.#entries) {
      if (this.#asked.has(name)) continue;
      const prefix = this.field.path === "" ? "" : ".";
      const path = `${this.field.path}${prefix}${name}`;
      this.#notes.warnings.push({
        path,
        line: source.line,
        message: "left out: not a field that upstream knows",
      });
    }
  }
}

function sameValue(a: Source, b: Source): boolean {
  return a.kind === "scalar" && b.kind === "scalar" && a.text === b.text;
}
