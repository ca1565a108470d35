// Names of children. A name is a readable prefix and a hash of what the child is for, never of a
// uid or of content, so that the same desired set gets the same names after a loss of everything.

import { utf8Encode } from "#api/base/index.ts";

import { sha256Hex } from "./sha256.ts";

/** What makes a child the child that it is. */
export interface ChildIdentity {
  /** Kind of the child, such as `StatefulSet`. */
  readonly childKind: string;
  /** Namespace of the parent; empty for a cluster-scoped one. */
  readonly namespace: string;
  readonly parentKind: string;
  readonly parentName: string;
  /** Tells children of one kind apart; empty if there is only one. */
  readonly childKey: string;
}

/** Most characters of a StatefulSet's name, so that the label of its pods' revision fits in 63. */
export const STATEFUL_SET_NAME_MAX = 52;
/** Most characters of names that become DNS labels. */
export const NAME_MAX = 63;
/** Most characters of a label's value. */
export const LABEL_VALUE_MAX = 63;

const HASH_DIGITS = 8;

/**
 * The name of a child: `<prefix>-<8 hex digits>`, a DNS label that starts with a letter.
 *
 * The prefix is the parent's name and the child key, lower-cased, with everything else turned to
 * `-`, and cut so that the whole fits: 52 characters for StatefulSets, 63 otherwise. The digits are
 * the first of SHA-256 over the five parts of `identity`, each preceded by its length in bytes, so
 * that no two identities have the same input.
 */
export function childName(identity: ChildIdentity): string {
  const max = identity.childKind === "StatefulSet" ? STATEFUL_SET_NAME_MAX : NAME_MAX;
  const readable =
    identity.childKey === "" ? identity.parentName : `${identity.parentName}-${identity.childKey}`;
  return `${namePrefix(readable, max - HASH_DIGITS - 1)}-${identityHash(identity)}`;
}

/**
 * `text` as the value of a label: itself where it is one, else a readable prefix and 8 hex digits
 * of SHA-256 over the whole text, at most 63 characters.
 */
export function labelValue(text: string): string {
  if (
    text.length <= LABEL_VALUE_MAX &&
    /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(text)
  ) {
    return text;
  }
  const digits = sha256Hex(utf8Encode(text)).slice(0, HASH_DIGITS);
  const prefix = text
    .replace(/[^-A-Za-z0-9_.]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, LABEL_VALUE_MAX - HASH_DIGITS - 1)
    .replace(/[^A-Za-z0-9]+$/, "");
  return prefix === "" ? digits : `${prefix}-${digits}`;
}

/** Every pass asks for the names of the same children again. */
const DIGITS = new Map<string, string>();
const DIGITS_MAX = 4_096;

function identityHash(identity: ChildIdentity): string {
  const parts = [
    identity.childKind,
    identity.namespace,
    identity.parentKind,
    identity.parentName,
    identity.childKey,
  ];
  const input = parts.map((part) => `${byteLength(part)}:${part}`).join(",");
  let digits = DIGITS.get(input);
  if (digits === undefined) {
    digits = sha256Hex(utf8Encode(input)).slice(0, HASH_DIGITS);
    if (DIGITS.size >= DIGITS_MAX) DIGITS.clear();
    DIGITS.set(input, digits);
  }
  return digits;
}

function byteLength(text: string): number {
  return /[^\0-\x7f]/.test(text) ? utf8Encode(text).length : text.length;
}

/** At most `max` characters of `text` as the start of a DNS label; `x` if nothing is left. */
function namePrefix(text: string, max: number): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "");
  const cut = clean.slice(0, max).replace(/-+$/, "");
  return cut === "" ? "x" : cut;
}
