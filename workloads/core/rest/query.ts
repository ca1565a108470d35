// Query strings, cursors and conditional headers, without any web API.
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

import type { RestFault } from "./fault.ts";
import { restFault } from "./fault.ts";
import { parseObjectIdPrefix } from "./ids.ts";

/** Page of a listing as the caller asks for it. */
export interface ListQuery {
  readonly prefix: string;
  /** 1 to {@link LIST_LIMIT_MAX}; upstream's default 100. */
  readonly limit: number;
  /** Opaque position, as the data service gave it. */
  readonly cursor?: Uint8Array;
}

/** Entries of one page at most; larger limits are cut down to it, as upstream does. */
export const LIST_LIMIT_MAX = 1000;
const LIST_LIMIT_DEFAULT = 100;

/** Result of the parsers of this file. */
export type Parsed<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "fault"; readonly fault: RestFault };

/** Cursor bytes as base64url without padding. */
export function encodeCursor(cursor: Uint8Array): string {
  return base64Encode(cursor, "url");
}

/** The inverse; undefined if the text is not base64url. */
export function decodeCursor(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  return base64Decode(text);
}

/** Names and values of a query string (without "?"); the last of equal names wins. */
export function parseQuery(query: string): Parsed<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const name = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? "" : part.slice(at + 1);
    try {
      values.set(decodeURIComponent(name), decodeURIComponent(value.replaceAll("+", " ")));
    } catch {
      return fault("INVALID_URL", "the query is not valid percent-encoding");
    }
  }
  return { kind: "ok", value: values };
}

function fault(code: string, message: string): { readonly kind: "fault"; fault: RestFault } {
  return { kind: "fault", fault: restFault(400, code, message) };
}

/**
 * `prefix`, `limit` and `cursor`. A prefix of object ids is lower-cased and checked, one of keys
 * not.
 */
export function parseListQuery(query: string, of: "objects" | "entries"): Parsed<ListQuery> {
  const parsed = parseQuery(query);
  if (parsed.kind === "fault") return parsed;
  const text = parsed.value.get("prefix") ?? "";
  const prefix = of === "objects" ? parseObjectIdPrefix(text) : text;
  if (prefix === undefined) {
    return fault("INVALID_OBJECT_ID", "no object id can begin with this prefix");
  }
  const limitText = parsed.value.get("limit") ?? String(LIST_LIMIT_DEFAULT);
  if (!/^\d{1,10}$/.test(limitText)) return fault("INVALID_LIMIT", `"${limitText}" is no limit`);
  const limit = Number(limitText) === 0 ? LIST_LIMIT_DEFAULT : Number(limitText);
  const cursorText = parsed.value.get("cursor");
  const value = { prefix, limit: Math.min(limit, LIST_LIMIT_MAX) };
  if (cursorText === undefined || cursorText === "") return { kind: "ok", value };
  const cursor = decodeCursor(cursorText);
  if (cursor === undefined) return fault("INVALID_CURSOR", "the cursor is not base64url");
  return { kind: "ok", value: { ...value, cursor } };
}

/** The content of an object: its version, and a digest where equal versions may differ. */
export interface EntityTag {
  readonly version: bigint;
  /** Of 16 bytes. */
  readonly digest?: Uint8Array | undefined;
}

/** The strong entity tag: `"version"` or `"version-digest"`, the digest in hex. */
export function formatEtag({ version, digest }: EntityTag): string {
  return digest === undefined ? `"${version}"` : `"${version}-${hexOf(digest)}"`;
}

/** What a conditional header asks of the object. */
export type Precondition =
  | { readonly kind: "none" }
  /** If-Match: "v" */
  | { readonly kind: "content"; readonly tag: EntityTag }
  /** If-None-Match: * */
  | { readonly kind: "absent" };

const U64_MAX = (1n << 64n) - 1n;

/** What a strong entity tag of ours says; undefined for anything else. */
export function parseEtag(text: string): EntityTag | undefined {
  const match = /^\s*"(\d{1,20})(?:-([0-9a-f]{32}))?"\s*$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const version = BigInt(match[1]);
  if (version > U64_MAX) return undefined;
  const hex = match[2];
  return hex === undefined ? { version } : { version, digest: bytesOfHex(hex) };
}

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  );
}

/**
 * Preconditions of a write. A list of tags and `If-Match: *` cannot be expressed as one
 * compare-and-set and are refused, never ignored.
 */
export function parsePrecondition(headers: {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}): Parsed<Precondition> {
  const { ifMatch, ifNoneMatch } = headers;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    return fault("INVALID_PRECONDITION", "If-Match and If-None-Match exclude each other");
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return { kind: "ok", value: { kind: "absent" } };
    return fault("INVALID_PRECONDITION", "a write understands only If-None-Match: *");
  }
  if (ifMatch === undefined) return { kind: "ok", value: { kind: "none" } };
  const tag = parseEtag(ifMatch);
  if (tag === undefined) {
    return fault("INVALID_PRECONDITION", 'If-Match takes one strong tag of ours, such as "7"');
  }
  return { kind: "ok", value: { kind: "content", tag } };
}

/**
 * Whether a read may answer 304: `If-None-Match` names this content (weak tags compare too) or `*`.
 */
export function isUnchanged(ifNoneMatch: string | undefined, content: EntityTag): boolean {
  if (ifNoneMatch === undefined) return false;
  const tag = formatEtag(content);
  return ifNoneMatch
    .split(",")
    .map((candidate) => candidate.trim().replace(/^W\//, ""))
    .some((candidate) => candidate === "*" || candidate === tag);
}
