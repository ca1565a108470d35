// Bytes of messages: protobuf fields, so that a later version may add some. Digests are 16 bytes.
//
//   message: 1 kind | 2 pull | 3 step | 4 header | 5 digest | 6 promise | 7 page | 8 range
//            9 want | 10 object | 11 reason
//   header:  1 generation | 2 ack | 3 cut | 4 clock
//   range:   1 low | 2 high, both absent if open
//   want:    1 id | 2 offset
//   page:    1 key | 2 digest | 3 child, each in order; a child without keys is empty; no field at
//            all is a range without keys
//   object:  1 id | 2 digest | 3 offset | 4 total | 5 bytes
import { assertNever } from "#api/base/index.ts";

import { scanFields, WireWriter } from "../store/index.ts";
import type { Header, MstMessage, ObjectPiece, RefusalReason, Want } from "./messages.ts";
import { RANGES_MAX, WANTS_MAX } from "./messages.ts";
import type { Digest, KeyRange, PageView } from "./tree.ts";
import { EMPTY_DIGEST } from "./tree.ts";

const KINDS = ["root", "fetch", "root-reply", "fetch-reply", "refused"] as const;
const REASONS: readonly RefusalReason[] = ["Generation", "Joining"];
const DIGEST_BYTES = 16;

/** The bytes of a message. */
export function encodeMstMessage(message: MstMessage): Uint8Array {
  const writer = new WireWriter(512)
    .varint(1, KINDS.indexOf(message.kind))
    .varint(2, message.pull)
    .bytes(4, encodeHeader(message.header));
  switch (message.kind) {
    case "root":
      writer.bytes(5, latin(message.digest));
      break;
    case "fetch":
      writer.varint(3, message.step);
      for (const range of message.ranges) writer.bytes(8, encodeRange(range));
      for (const want of message.wants) {
        const bytes = new WireWriter(200).bytes(1, latin(want.id)).varint(2, want.offset).finish();
        writer.bytes(9, bytes);
      }
      break;
    case "root-reply":
      writer.bytes(5, latin(message.digest)).varint(6, message.promise);
      if (message.page !== undefined) writer.bytes(7, encodePage(message.page));
      break;
    case "fetch-reply":
      writer.varint(3, message.step);
      for (const page of message.pages) writer.bytes(7, encodePage(page));
      for (const object of message.objects) writer.bytes(10, encodePiece(object));
      break;
    case "refused":
      writer.varint(11, REASONS.indexOf(message.reason));
      break;
    default:
      assertNever(message);
  }
  return writer.finish();
}

function encodeHeader(header: Header): Uint8Array {
  return new WireWriter(48)
    .varint(1, header.generation)
    .varint(2, header.ack)
    .varint(3, header.cut)
    .varint(4, Math.max(0, Math.round(header.clockMs)))
    .finish();
}

function encodeRange(range: KeyRange): Uint8Array {
  const writer = new WireWriter(64);
  if (range.low !== undefined) writer.bytes(1, latin(range.low));
  if (range.high !== undefined) writer.bytes(2, latin(range.high));
  return writer.finish();
}

function encodePage(page: PageView | undefined): Uint8Array {
  const writer = new WireWriter(1024);
  for (const key of page?.keys ?? []) writer.bytes(1, latin(key));
  for (const digest of page?.digests ?? []) writer.bytes(2, latin(digest));
  for (const child of page?.children ?? []) writer.bytes(3, latin(child));
  return writer.finish();
}

function encodePiece(piece: ObjectPiece): Uint8Array {
  return new WireWriter(piece.bytes.byteLength + 256)
    .bytes(1, latin(piece.id))
    .bytes(2, latin(piece.digest))
    .varint(3, piece.offset)
    .varint(4, piece.total)
    .bytes(5, piece.bytes)
    .finish();
}

function latin(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

interface Draft {
  kind: number;
  pull: number;
  step: number;
  header: Header | undefined;
  digest: Digest | undefined;
  promise: number;
  reason: number;
  readonly pages: (PageView | undefined)[];
  readonly ranges: KeyRange[];
  readonly wants: Want[];
  readonly objects: ObjectPiece[];
  well: boolean;
}

/** The inverse; bytes of objects are views. Undefined if it is no message of ours. */
export function decodeMstMessage(bytes: Uint8Array): MstMessage | undefined {
  const draft: Draft = {
    kind: -1,
    pull: 0,
    step: 0,
    header: undefined,
    digest: undefined,
    promise: 0,
    reason: -1,
    pages: [],
    ranges: [],
    wants: [],
    objects: [],
    well: true,
  };
  const whole = scanFields(bytes, (number, varint, field) => {
    if (!Number.isSafeInteger(varint)) draft.well = false;
    else if (field.byteLength > 0 || varint === 0) decodeField(draft, number, varint, field);
    else decodeNumber(draft, number, varint);
  });
  return whole && draft.well ? messageOf(draft) : undefined;
}

function decodeNumber(draft: Draft, number: number, varint: number): void {
  if (number === 1) draft.kind = varint;
  else if (number === 2) draft.pull = varint;
  else if (number === 3) draft.step = varint;
  else if (number === 6) draft.promise = varint;
  else if (number === 11) draft.reason = varint;
}

function decodeField(draft: Draft, number: number, varint: number, field: Uint8Array): void {
  if (number === 4) draft.header = decodeHeader(field);
  else if (number === 5) draft.digest = digestOf(draft, field);
  else if (number === 7) draft.pages.push(decodePage(draft, field));
  else if (number === 8) draft.ranges.push(decodeRange(field));
  else if (number === 9) draft.wants.push(decodeWant(draft, field));
  else if (number === 10) draft.objects.push(decodePiece(draft, field));
  else decodeNumber(draft, number, varint);
}

function messageOf(draft: Draft): MstMessage | undefined {
  const { pull, step, header, digest, promise, pages, ranges, wants, objects } = draft;
  const kind = KINDS[draft.kind];
  const reason = REASONS[draft.reason];
  if (kind === undefined || header === undefined) return undefined;
  switch (kind) {
    case "root":
      return digest === undefined ? undefined : { kind, pull, header, digest };
    case "fetch":
      if (ranges.length > RANGES_MAX || wants.length > WANTS_MAX) return undefined;
      return { kind, pull, step, header, ranges, wants };
    case "root-reply":
      if (digest === undefined) return undefined;
      return { kind, pull, header, promise, digest, page: pages[0] };
    case "fetch-reply":
      return { kind, pull, step, header, pages, objects };
    case "refused":
      return reason === undefined ? undefined : { kind, pull, header, reason };
    default:
      return assertNever(kind);
  }
}

function decodeHeader(bytes: Uint8Array): Header | undefined {
  const values = [0, 0, 0, 0];
  const whole = scanFields(bytes, (number, varint) => {
    if (number >= 1 && number <= 4) values[number - 1] = varint;
  });
  if (!whole || !values.every(Number.isSafeInteger)) return undefined;
  const [generation = 0, ack = 0, cut = 0, clockMs = 0] = values;
  return { generation, ack, cut, clockMs };
}

function decodeRange(bytes: Uint8Array): KeyRange {
  const ends: (string | undefined)[] = [];
  scanFields(bytes, (number, _varint, field) => {
    if (number === 1 || number === 2) ends[number] = text(field);
  });
  return { low: ends[1], high: ends[2] };
}

function decodeWant(draft: Draft, bytes: Uint8Array): Want {
  const want = { id: "", offset: 0 };
  const whole = scanFields(bytes, (number, varint, field) => {
    if (number === 1) want.id = text(field);
    else if (number === 2) want.offset = varint;
  });
  if (!whole || want.id === "" || !Number.isSafeInteger(want.offset)) draft.well = false;
  return want;
}

function decodePage(draft: Draft, bytes: Uint8Array): PageView | undefined {
  const keys: string[] = [];
  const digests: Digest[] = [];
  const children: Digest[] = [];
  const whole = scanFields(bytes, (number, _varint, field) => {
    if (number === 1) keys.push(text(field));
    else if (number === 2) digests.push(digestOf(draft, field));
    else if (number === 3) children.push(digestOf(draft, field));
  });
  if (!whole) draft.well = false;
  return keys.length === 0 && children.length === 0 ? undefined : { keys, digests, children };
}

function decodePiece(draft: Draft, bytes: Uint8Array): ObjectPiece {
  const nothing: Uint8Array = new Uint8Array(0);
  const piece = { id: "", digest: EMPTY_DIGEST, offset: 0, total: 0, bytes: nothing };
  const whole = scanFields(bytes, (number, varint, field) => {
    if (number === 1) piece.id = text(field);
    else if (number === 2) piece.digest = digestOf(draft, field);
    else if (number === 3) piece.offset = varint;
    else if (number === 4) piece.total = varint;
    else if (number === 5) piece.bytes = field;
  });
  const isExact = Number.isSafeInteger(piece.offset) && Number.isSafeInteger(piece.total);
  if (!whole || piece.id === "" || !isExact) draft.well = false;
  return piece;
}

function digestOf(draft: Draft, bytes: Uint8Array): Digest {
  if (bytes.byteLength !== 0 && bytes.byteLength !== DIGEST_BYTES) draft.well = false;
  return text(bytes);
}

/** Ids and digests: one character per byte. */
function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1024));
}
