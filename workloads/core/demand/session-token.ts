// Session tokens: the marks of a client's writes, in a text that the client hands back with its
// reads and need not understand. One token covers everything that a session wrote, over partitions
// and classes; the gateway adds to it.
//
//   "1." + base64url of: for each mark | class | partition | incarnation | index |
//   texts with their length before them, numbers as varints of seven bits, lowest first
import { utf8Decode, utf8Encode } from "#api/base/index.ts";

/** A point in the history of a partition. */
export interface SessionMark {
  /** Whose indexes these are. Of another incarnation of the partition they say nothing. */
  readonly incarnation: string;
  /** Below 2^53. */
  readonly index: number;
}

/** A mark and the partition that it is of. */
export interface PlacedMark extends SessionMark {
  readonly cls: string;
  readonly partition: number;
}

/** Marks of one token; a session that needs more has to begin anew. */
export const MARKS_MAX = 64;
/** Longest token, in characters. */
export const TOKEN_LENGTH_MAX = 8192;

const VERSION = "1.";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The marks of `before`, moved forward or joined by `mark`. */
export function mergeMarks(before: readonly PlacedMark[], mark: PlacedMark): readonly PlacedMark[] {
  const isSame = (other: PlacedMark): boolean =>
    other.cls === mark.cls &&
    other.partition === mark.partition &&
    other.incarnation === mark.incarnation;
  const known = before.find(isSame);
  if (known !== undefined && known.index >= mark.index) return before;
  return [...before.filter((other) => !isSame(other)), mark];
}

/** The token of these marks; undefined if there are more than {@link MARKS_MAX}. */
export function encodeSessionToken(marks: readonly PlacedMark[]): string | undefined {
  if (marks.length > MARKS_MAX) return undefined;
  const bytes: number[] = [];
  const varint = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  };
  const text = (value: string): void => {
    const encoded = utf8Encode(value);
    varint(encoded.byteLength);
    bytes.push(...encoded);
  };
  for (const { cls, partition, incarnation, index } of marks) {
    text(cls);
    varint(partition);
    text(incarnation);
    varint(index);
  }
  const token = VERSION + toBase64Url(bytes);
  return token.length > TOKEN_LENGTH_MAX ? undefined : token;
}

/** The marks of a token; undefined if it is none of ours. The empty text has no marks. */
export function decodeSessionToken(token: string): readonly PlacedMark[] | undefined {
  if (token === "") return [];
  if (!token.startsWith(VERSION) || token.length > TOKEN_LENGTH_MAX) return undefined;
  const bytes = fromBase64Url(token.slice(VERSION.length));
  if (bytes === undefined) return undefined;
  const reader = new TokenReader(bytes);
  const marks: PlacedMark[] = [];
  while (!reader.done) {
    const cls = reader.text();
    const partition = reader.varint();
    const incarnation = reader.text();
    const index = reader.varint();
    if (reader.failed || marks.length === MARKS_MAX) return undefined;
    marks.push({ cls, partition, incarnation, index });
  }
  return marks;
}

class TokenReader {
  failed = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.failed || this.#at === this.#bytes.byteLength;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
      if (byte < 0x80) break;
    }
    this.failed = true;
    return 0;
  }

  text(): string {
    const length = this.varint();
    const end = this.#at + length;
    const decoded =
      end > this.#bytes.byteLength ? undefined : utf8Decode(this.#bytes.subarray(this.#at, end));
    if (decoded === undefined) this.failed = true;
    else this.#at = end;
    return decoded ?? "";
  }
}

function toBase64Url(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b, c] = bytes.slice(at, at + 3);
    const group = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    const digits = b === undefined ? 2 : c === undefined ? 3 : 4;
    for (let digit = 0; digit < digits; digit += 1) {
      text += ALPHABET.charAt((group >> (18 - 6 * digit)) & 63);
    }
  }
  return text;
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 4) {
    const digits = text.slice(at, at + 4);
    let group = 0;
    for (const digit of digits) {
      const value = ALPHABET.indexOf(digit);
      if (value < 0) return undefined;
      group = (group << 6) | value;
    }
    group <<= 6 * (4 - digits.length);
    for (let byte = 0; byte < digits.length - 1; byte += 1) {
      bytes.push((group >> (16 - 8 * byte)) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}
