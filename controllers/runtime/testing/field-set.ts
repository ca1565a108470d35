// Sets of places in an object, in the shape of fieldsV1, and what can be done with two of them. Sets
// never change.

/** Which places are owned: this one (`self`), and what is below. */
export interface FieldSet {
  readonly self: boolean;
  readonly parts: ReadonlyMap<string, FieldSet>;
}

const NOTHING: ReadonlyMap<string, FieldSet> = new Map();
/** This place and nothing below. */
export const LEAF: FieldSet = { self: true, parts: NOTHING };
/** No place. */
export const EMPTY: FieldSet = { self: false, parts: NOTHING };

/** True if nothing is owned. */
export function isEmpty(fields: FieldSet): boolean {
  return !fields.self && fields.parts.size === 0;
}

/** True if both own the same places. */
export function sameFields(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.self !== b.self || a.parts.size !== b.parts.size) return false;
  for (const [step, below] of a.parts) {
    const other = b.parts.get(step);
    if (other === undefined || !sameFields(below, other)) return false;
  }
  return true;
}

/** Places of either. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b) || a === b) return a;
  const parts = new Map(a.parts);
  for (const [step, below] of b.parts) {
    const mine = parts.get(step);
    parts.set(step, mine === undefined ? below : union(mine, below));
  }
  return { self: a.self || b.self, parts };
}

/** Places of `a` that `b` does not have. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a;
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of a.parts) {
    const other = b.parts.get(step);
    const left = other === undefined ? below : difference(below, other);
    if (!isEmpty(left)) parts.set(step, left);
  }
  return { self: a.self && !b.self, parts };
}

/** Places of both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of a.parts) {
    const other = b.parts.get(step);
    if (other === undefined) continue;
    const both = intersection(below, other);
    if (!isEmpty(both)) parts.set(step, both);
  }
  return { self: a.self && b.self, parts };
}

/** What `mine` holds and `other` does not touch at all: a place with something of theirs stays. */
export function abandoned(mine: FieldSet, other: FieldSet): FieldSet {
  const parts = new Map<string, FieldSet>();
  for (const [step, below] of mine.parts) {
    const theirs = other.parts.get(step);
    const left = theirs === undefined ? below : abandoned(below, theirs);
    if (!isEmpty(left)) parts.set(step, left);
  }
  return { self: mine.self && isEmpty(other), parts };
}
