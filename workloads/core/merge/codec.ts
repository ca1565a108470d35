// Bytes of an object's state, at rest and between members: protobuf fields in a canonical order, so
// that the same state has the same bytes everywhere, and the digest that trees compare.
//
//   object: 1 deletedAt | 2 existsAt | 3 modified | 4 cell, sorted by cell key
//   stamp:  1 time | 2 node
//   cell:   1 cell key | register: 2 stamp, 3 value | counter: 4 part
//           | map: 5 field, and if it was set without fields 2 stamp, 3 value | document: 6 life
//   part:   1 id | 2 stamp | 3 plus | 4 minus | 5 base plus | 6 base minus
//   field, life: 1 key or id | 2 stamp | 3 value
//
// A missing value is a tombstone. Parts, fields and lives are sorted by their keys.
import { utf8Decode } from "#api/base/index.ts";

import { compareText, scanFields, WireWriter } from "../store/index.ts";
import type { Cell, CounterPart, Documents, MapField } from "./cells.ts";
import type { ObjectState } from "./object.ts";
import { cellKey, entryKeyOf } from "./object.ts";
import type { Stamp } from "./stamp.ts";
import { NODE_LENGTH_MAX } from "./stamp.ts";

/** What is encoded is copied or used up before the next object is, so all share these bytes. */
const SCRATCH = new WireWriter(4096);

/** The canonical bytes. */
export function encodeObject(state: ObjectState): Uint8Array {
  return encode(state, (bytes) => bytes).slice();
}

/**
 * What a digest is taken over: as {@link encodeObject}, with the identity of each document. A view
 * that the next call of either overwrites.
 */
export function digestInput(state: ObjectState, documents: Documents): Uint8Array {
  return encode(state, (bytes) => documents.identity(bytes));
}

type DocumentBytes = (bytes: Uint8Array) => Uint8Array;

function encode(state: ObjectState, document: DocumentBytes): Uint8Array {
  const writer = SCRATCH.reset();
  if (state.deletedAt !== undefined) writeStamp(writer, 1, state.deletedAt);
  if (state.existsAt !== undefined) writeStamp(writer, 2, state.existsAt);
  writeStamp(writer, 3, state.modified);
  for (const [key, cell] of sorted(state.cells)) {
    writer.message(4, () => writeCell(writer, key, cell, document));
  }
  return writer.finish();
}

function writeCell(writer: WireWriter, key: string, cell: Cell, document: DocumentBytes): void {
  writer.text(1, key);
  switch (cell.kind) {
    case "register":
      writeRegister(writer, cell);
      break;
    case "counter":
      for (const [id, part] of sorted(cell.parts)) writePart(writer, id, part);
      break;
    case "map":
      if (cell.bare !== undefined) writeRegister(writer, cell.bare);
      for (const [name, field] of sorted(cell.fields)) writeField(writer, 5, name, field);
      break;
    case "document":
      for (const [id, { stamp, bytes }] of sorted(cell.lives)) {
        const value = bytes === undefined ? undefined : document(bytes);
        writeField(writer, 6, id, { stamp, value });
      }
      break;
  }
}

function writeRegister(writer: WireWriter, register: MapField): void {
  writeStamp(writer, 2, register.stamp);
  if (register.value !== undefined) writer.bytes(3, register.value);
}

function writeStamp(writer: WireWriter, number: number, stamp: Stamp): void {
  writer.message(number, () => writer.varint(1, stamp.time).text(2, stamp.node));
}

function writePart(writer: WireWriter, id: string, part: CounterPart): void {
  writer.message(4, () => {
    writer.text(1, id);
    writeStamp(writer, 2, part.stamp);
    writer
      .varint(3, part.plus)
      .varint(4, part.minus)
      .varint(5, part.basePlus)
      .varint(6, part.baseMinus);
  });
}

function writeField(writer: WireWriter, number: number, key: string, field: MapField): void {
  writer.message(number, () => {
    writer.text(1, key);
    writeStamp(writer, 2, field.stamp);
    if (field.value !== undefined) writer.bytes(3, field.value);
  });
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].sort(([a], [b]) => compareText(a, b));
}

/** The inverse of {@link encodeObject}; values are views. Undefined if malformed. */
export function decodeObject(bytes: Uint8Array): ObjectState | undefined {
  const stamps: (Stamp | undefined)[] = [];
  const cells = new Map<string, Cell>();
  let well = true;
  const whole = scanFields(bytes, (number, _varint, field) => {
    if (number >= 1 && number <= 3) {
      stamps[number] = decodeStamp(field);
      if (stamps[number] === undefined) well = false;
    } else if (number === 4) {
      const cell = decodeCell(field);
      if (cell === undefined) well = false;
      else cells.set(cell.key, cell.cell);
    }
  });
  const modified = stamps[3];
  if (!whole || !well || modified === undefined) return undefined;
  return { deletedAt: stamps[1], existsAt: stamps[2], modified, cells };
}

function decodeStamp(bytes: Uint8Array): Stamp | undefined {
  let time: number | undefined;
  let node: string | undefined;
  const whole = scanFields(bytes, (number, varint, field) => {
    if (number === 1) time = varint;
    else if (number === 2) node = utf8Decode(field);
  });
  if (!whole || time === undefined || node === undefined) return undefined;
  if (!Number.isSafeInteger(time) || node.length > NODE_LENGTH_MAX) return undefined;
  return { time, node };
}

interface Draft {
  key: string | undefined;
  stamp: Stamp | undefined;
  value: Uint8Array | undefined;
  readonly parts: Map<string, CounterPart>;
  readonly fields: Map<string, { readonly stamp: Stamp; readonly value: Uint8Array | undefined }>;
  well: boolean;
}

function decodeCell(bytes: Uint8Array): { readonly key: string; readonly cell: Cell } | undefined {
  const draft: Draft = {
    key: undefined,
    stamp: undefined,
    value: undefined,
    parts: new Map(),
    fields: new Map(),
    well: true,
  };
  const whole = scanFields(bytes, (number, _varint, field) =>
    decodeCellField(draft, number, field),
  );
  const { key } = draft;
  if (!whole || !draft.well || key === undefined) return undefined;
  const cell = cellOf(draft, key);
  return cell === undefined ? undefined : { key, cell };
}

function decodeCellField(draft: Draft, number: number, field: Uint8Array): void {
  if (number === 1) draft.key = utf8Decode(field);
  else if (number === 2) draft.stamp = decodeStamp(field);
  else if (number === 3) draft.value = field;
  else if (number === 4) {
    const part = decodePart(field);
    if (part === undefined) draft.well = false;
    else draft.parts.set(part.id, part.part);
  } else if (number === 5 || number === 6) {
    const decoded = decodeField(field);
    const { key } = decoded ?? {};
    if (decoded === undefined || key === undefined) draft.well = false;
    else draft.fields.set(key, { stamp: decoded.stamp, value: decoded.value });
    if (number === 5 && decoded?.value !== undefined && !isJson(decoded.value)) draft.well = false;
  }
}

function cellOf(draft: Draft, key: string): Cell | undefined {
  const entry = entryKeyOf(key);
  if (key === cellKey("register", entry)) {
    if (draft.stamp === undefined) return undefined;
    return { kind: "register", stamp: draft.stamp, value: draft.value };
  }
  if (key === cellKey("counter", entry)) {
    return draft.parts.size === 0 ? undefined : { kind: "counter", parts: draft.parts };
  }
  if (key === cellKey("map", entry)) {
    const { stamp, value, fields } = draft;
    const bare = stamp === undefined ? undefined : { stamp, value };
    if (fields.size === 0 && bare === undefined) return undefined;
    return (value?.byteLength ?? 0) > 0 ? undefined : { kind: "map", fields, bare };
  }
  if (draft.fields.size === 0 || key !== cellKey("document", entry)) return undefined;
  const lives = [...draft.fields].map(
    ([id, { stamp, value }]) => [id, { stamp, bytes: value }] as const,
  );
  return { kind: "document", lives: new Map(lives) };
}

function decodePart(
  bytes: Uint8Array,
): { readonly id: string; readonly part: CounterPart } | undefined {
  let id: string | undefined;
  let stamp: Stamp | undefined;
  const counts = [0, 0, 0, 0];
  const whole = scanFields(bytes, (number, varint, field) => {
    if (number === 1) id = utf8Decode(field);
    else if (number === 2) stamp = decodeStamp(field);
    else if (number >= 3 && number <= 6) counts[number - 3] = varint;
  });
  const [plus = 0, minus = 0, basePlus = 0, baseMinus = 0] = counts;
  if (!whole || id === undefined || stamp === undefined) return undefined;
  if (!counts.every(Number.isSafeInteger)) return undefined;
  return { id, part: { stamp, plus, minus, basePlus, baseMinus } };
}

function decodeField(bytes: Uint8Array):
  | {
      readonly key: string;
      readonly stamp: Stamp;
      readonly value: Uint8Array | undefined;
    }
  | undefined {
  let key: string | undefined;
  let stamp: Stamp | undefined;
  let value: Uint8Array | undefined;
  const whole = scanFields(bytes, (number, _varint, field) => {
    if (number === 1) key = utf8Decode(field);
    else if (number === 2) stamp = decodeStamp(field);
    else if (number === 3) value = field;
  });
  if (!whole || key === undefined || stamp === undefined) return undefined;
  return { key, stamp, value };
}

function isJson(value: Uint8Array): boolean {
  const text = utf8Decode(value);
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch (cause: unknown) {
    if (cause instanceof SyntaxError) return false;
    throw cause;
  }
}
