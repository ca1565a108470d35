// Names that a caller gives: object ids are lower-cased and narrow, entry keys are taken as they
// are, case and all.

/** Longest object id that the key layout allows. */
export const ID_BYTES_MAX = 160;
/** Longest entry key that the key layout allows, in bytes of UTF-8. */
export const ENTRY_KEY_BYTES_MAX = 1024;

/** A name that is fit for use, or why it is not. */
export type NameResult =
  | { readonly kind: "ok"; readonly name: string }
  | { readonly kind: "invalid"; readonly message: string };

const ID = /^[a-z0-9._:-]+$/;

/** Lower-cases and checks an object id: `[a-z0-9._:-]`, 1 to `lengthMax` characters. */
export function parseObjectId(given: string | undefined, lengthMax: number): NameResult {
  if (given === undefined || given === "") return invalid("object id must not be empty");
  const name = given.toLowerCase();
  if (name.length > lengthMax) {
    return invalid(`object id has ${name.length} characters, at most ${lengthMax} are allowed`);
  }
  if (!ID.test(name)) return invalid("object id may only hold a-z, 0-9, '.', '_', ':' and '-'");
  return { kind: "ok", name };
}

/** Checks an entry key: any text of 1 to 1024 bytes of UTF-8, case-sensitive. */
export function parseEntryKey(given: string | undefined): NameResult {
  if (given === undefined || given === "") return invalid("entry key must not be empty");
  const bytes = utf8Length(given);
  if (bytes > ENTRY_KEY_BYTES_MAX) {
    return invalid(`entry key has ${bytes} bytes, at most ${ENTRY_KEY_BYTES_MAX} are allowed`);
  }
  return { kind: "ok", name: given };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function invalid(message: string): NameResult {
  return { kind: "invalid", message };
}
