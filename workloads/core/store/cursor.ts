// Cursors of listings: opaque to the caller, a position and not an item, so that they survive the
// deletion of what they point at. A cursor is good for the listing that gave it, nothing else.
//
//   | 0x01 | kind u8: 'o' or 'v' | length of scope u8 | scope | position, UTF-8 |
//
// Scope is the object id of ListValues and empty for ListObjects.
import { utf8Decode, utf8Encode } from "#api/base/index.ts";

const VERSION = 1;

/** Which listing a cursor belongs to. */
export type CursorScope =
  { readonly kind: "objects" } | { readonly kind: "values"; readonly id: string };

/** The bytes for a listing that goes on after `position`. */
export function encodeCursor(scope: CursorScope, position: string): Uint8Array {
  const { kind, name } = parts(scope);
  const tail = utf8Encode(position);
  const cursor = new Uint8Array(3 + name.byteLength + tail.byteLength);
  cursor.set([VERSION, kind, name.byteLength], 0);
  cursor.set(name, 3);
  cursor.set(tail, 3 + name.byteLength);
  return cursor;
}

/** The position, or undefined if these bytes are no cursor of this listing. */
export function decodeCursor(scope: CursorScope, cursor: Uint8Array): string | undefined {
  const { kind, name } = parts(scope);
  if (cursor[0] !== VERSION || cursor[1] !== kind || cursor[2] !== name.byteLength) {
    return undefined;
  }
  const end = 3 + name.byteLength;
  if (cursor.byteLength <= end) return undefined;
  if (!name.every((byte, at) => cursor[3 + at] === byte)) return undefined;
  return utf8Decode(cursor.subarray(end));
}

/** How many items a page has: 0 means 100, and 1024 is the most. */
export function pageLimit(asked: number): number {
  return asked === 0 ? 100 : Math.min(asked, 1024);
}

function parts(scope: CursorScope): { readonly kind: number; readonly name: Uint8Array } {
  if (scope.kind === "objects") return { kind: 0x6f, name: new Uint8Array(0) };
  return { kind: 0x76, name: utf8Encode(scope.id) };
}
