// By what a repeated write is recognised, and by what an exclusive call proves that it is still the
// newest one of its object.
import type { SessionIdentity } from "../raft/index.ts";
import type { ObjectWrite } from "../store/index.ts";
import { compareText } from "../store/index.ts";

/** Who asks, so that the same request is recognised when it comes again. */
export type CallIdentity =
  | SessionIdentity
  | {
      /** An outside client's own key. */
      readonly kind: "key";
      readonly key: string;
    };

/** Longest idempotency key, in bytes. */
export const IDEMPOTENCY_KEY_BYTES_MAX = 255;

/** Whether a text can be an idempotency key: 1 to 255 visible ASCII characters. */
export function isIdempotencyKey(text: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(text);
}

/**
 * What is hashed to tell two requests under one key apart: the same for the same write however its
 * maps were ordered on the wire, different for any other.
 */
export function requestFingerprintInput(write: ObjectWrite): string {
  const expected = write.expectedVersion ?? null;
  if (write.kind === "delete") return JSON.stringify(["delete", write.id, expected]);
  const sets = [...write.sets]
    .sort((a, b) => compareText(a.key, b.key))
    .map(({ key, value }) => [key, latin1(value)]);
  const event = write.event === undefined ? null : latin1(write.event);
  const deletes = [...write.deletes].sort(compareText);
  return JSON.stringify(["mutate", write.id, expected, write.create, sets, deletes, event]);
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Names one exclusive call of an object; a later call has a later token. */
export interface ExclusiveToken {
  readonly term: number;
  readonly sequence: number;
}

/** Whether `token` was given out before `newest`. */
export function isOlderToken(token: ExclusiveToken, newest: ExclusiveToken): boolean {
  if (token.term !== newest.term) return token.term < newest.term;
  return token.sequence < newest.sequence;
}

/** A token and the object whose call it is of; for writes to other objects it says nothing. */
export interface HeldToken extends ExclusiveToken {
  readonly cls: string;
  readonly object: string;
}

/** As a header carries it: "term.sequence@class/object". */
export function renderExclusiveToken(token: HeldToken): string {
  return `${token.term}.${token.sequence}@${token.cls}/${token.object}`;
}

/** The inverse; undefined if the text is no token. */
export function parseExclusiveToken(text: string): HeldToken | undefined {
  const match = /^(\d{1,16})\.(\d{1,16})@([^/]{1,256})\/([^/]{1,160})$/.exec(text);
  if (match === null) return undefined;
  const [term, sequence] = [Number(match[1]), Number(match[2])];
  if (!Number.isSafeInteger(term) || !Number.isSafeInteger(sequence)) return undefined;
  return { term, sequence, cls: match[3] ?? "", object: match[4] ?? "" };
}
