// The function behind fn-random, as upstream's dev-random-fn: payload {"entry","key_size",
// "value_size","resp_json"}; makes a JSON object of `entry` random keys with random text, writes it
// to entry "0" of the object if it was called on one, and answers it if `resp_json` is true.
import { randomInt } from "node:crypto";

import type { Answer, FunctionHandler, Invocation, ObjectClient } from "../../index.ts";
import { FunctionError, jsonAnswer, jsonPayload } from "../../index.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const BYTES_MAX = 1_048_576;

interface Wanted {
  readonly entries: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly respond: boolean;
}

function sizeOf(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: number,
): number {
  const value = fields[name] ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw new FunctionError("INVALID_REQUEST", `${name} must be an integer of at least 1`);
}

/** Reads the payload; upstream's defaults of 10 where a number is missing. */
function parseWanted(call: Invocation): Wanted {
  const payload = jsonPayload(call) ?? {};
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw new FunctionError("INVALID_REQUEST", "the payload must be a JSON object");
  }
  // The check above is the proof.
  const fields = payload as Readonly<Record<string, unknown>>;
  const wanted = {
    entries: sizeOf(fields, "entry", 10),
    keySize: sizeOf(fields, "key_size", 10),
    valueSize: sizeOf(fields, "value_size", 10),
    respond: fields["resp_json"] === true,
  };
  if (wanted.entries * (wanted.keySize + wanted.valueSize) > BYTES_MAX) {
    throw new FunctionError("INVALID_REQUEST", `the object would be over ${BYTES_MAX} bytes`);
  }
  if (ALPHABET.length ** wanted.keySize < wanted.entries * 2) {
    throw new FunctionError("INVALID_REQUEST", "key_size is too small for so many entries");
  }
  return wanted;
}

function randomText(size: number): string {
  let text = "";
  while (text.length < size) text += ALPHABET[randomInt(ALPHABET.length)] ?? "";
  return text;
}

function randomObject(wanted: Wanted): Record<string, string> {
  const made = new Map<string, string>();
  // At least every second key is new (see parseWanted), so this ends.
  while (made.size < wanted.entries)
    made.set(randomText(wanted.keySize), randomText(wanted.valueSize));
  return Object.fromEntries(made);
}

/** The handler, over the data service of its class. */
export function randomFunction(objects: () => ObjectClient): FunctionHandler {
  return async (call): Promise<Answer> => {
    const wanted = parseWanted(call);
    const made = randomObject(wanted);
    if (call.object !== undefined) {
      const ref = { class: call.class, partition: call.partition, object: call.object };
      const options = { timeoutMs: call.remainingMs, signal: call.signal };
      await objects().setValue(ref, "0", JSON.stringify(made), options);
    }
    return wanted.respond ? jsonAnswer(made) : {};
  };
}
