// The data of an entry of kind command: all commands that were proposed for the group in one turn,
// and the wall clock of who proposed them. One entry for many commands costs one record of the log
// and one decision of the group.
//
//   | version u8 | time varint | count varint | { bytes } |
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";

/** Largest data of one command. */
export const COMMAND_BYTES_MAX = 1 << 20;

const VERSION = 1;

/** What an entry holds. */
export interface CommandBatch {
  readonly timeMs: number;
  readonly commands: readonly Uint8Array[];
}

/** Bytes of such an entry. */
export function encodeCommands(batch: CommandBatch): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.varint(Math.max(0, Math.floor(batch.timeMs)));
  writer.varint(batch.commands.length);
  for (const command of batch.commands) writer.bytes(command);
  return writer.finish();
}

/** Undefined if the bytes are not exactly one batch; the commands are views into them. */
export function decodeCommands(data: Uint8Array): CommandBatch | undefined {
  const reader = new ByteReader(data);
  if (reader.byte() !== VERSION) return undefined;
  const timeMs = reader.varint();
  const commands: Uint8Array[] = [];
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    commands.push(reader.bytes(reader.remaining));
  }
  return reader.failed || reader.remaining > 0 ? undefined : { timeMs, commands };
}
