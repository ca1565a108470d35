// Ids as they stand in a path or a message: upstream's rules (oaas-rs oprc-gateway rest.rs), one
// place for both planes of the gateway.

/** Longest object id in characters (all of them ASCII after the check). */
export const OBJECT_ID_LENGTH_MAX = 160;

const OBJECT_ID = /^[a-z0-9._:-]{1,160}$/;
const OBJECT_ID_PREFIX = /^[a-z0-9._:-]{0,160}$/;

/** The id in lower case, or undefined if it is not `[a-z0-9._:-]{1,160}` then. */
export function parseObjectId(text: string): string | undefined {
  const id = text.toLowerCase();
  return OBJECT_ID.test(id) ? id : undefined;
}

/** As {@link parseObjectId} for the beginning of an id; the empty prefix is every id's. */
export function parseObjectIdPrefix(text: string): string | undefined {
  const prefix = text.toLowerCase();
  return OBJECT_ID_PREFIX.test(prefix) ? prefix : undefined;
}

/** A partition id in a path: decimal u16 without sign; undefined otherwise. */
export function parsePartition(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 65_535 ? value : undefined;
}
