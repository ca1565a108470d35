// The vocabulary of the Rawstor wire protocol: commands, statuses, frame sizes and the requests and
// responses as values. Layouts stand at the codecs. Source: librawstor include/rawstor/protocol.h
// (v0.2.0 to v0.2.8), read byte by byte in reference/rawstor.md A.2 and A.3.
import type { Brand } from "#api/base/index.ts";

/** First four bytes of every frame, little-endian `72 74 73 72`. The only endianness check. */
export const MAGIC = 0x72737472;
/** Magic, command and cid, in front of every frame. */
export const HEAD_BYTES = 8;
/** A request that is not READ, WRITE or DISCARD. */
export const BASIC_REQUEST_BYTES = 40;
/** READ, WRITE (without its payload) and DISCARD. */
export const IO_REQUEST_BYTES = 29;
/** A response without its payload. */
export const RESPONSE_BYTES = 20;
/** An id on the wire. */
export const ID_BYTES = 16;

/** The largest payload of one READ or WRITE, 64 MiB, as upstream. */
export const PAYLOAD_BYTES_MAX = 1 << 26;
/** `cid` is a u16. */
export const CID_COUNT = 65536;

/** Command names by their number on the wire. */
export const commandNames = [
  "set-object",
  "read",
  "write",
  "discard",
  "allocate",
  "release",
  "list",
  "spec",
  "location-info",
  "flush",
] as const;

/** One of the ten commands of the published protocol. */
export type CommandName = (typeof commandNames)[number];

/** Number on the wire by command name. */
export const commandNumbers: Readonly<Record<CommandName, number>> = {
  "set-object": 0,
  read: 1,
  write: 2,
  discard: 3,
  allocate: 4,
  release: 5,
  list: 6,
  spec: 7,
  "location-info": 8,
  flush: 9,
};

/** Linux errno values that go on the wire, negated, as `res`. */
export const errno = {
  ENOENT: 2,
  EIO: 5,
  EBADF: 9,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  ENOSYS: 38,
} as const;

/** Id of a Rawstor object: a UUID in lower-case text form, whose order is that of its 16 bytes. */
export type ObjectId = Brand<string, "ObjectId">;

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** LIST token: where a listing starts and how it says that it ended. Also an id like any other. */
export const ID_ZERO = "00000000-0000-0000-0000-000000000000" as ObjectId;

/** The id written as `text` (any case), or undefined if it is no UUID. */
export function parseObjectId(text: string): ObjectId | undefined {
  const lower = text.toLowerCase();
  return idPattern.test(lower) ? (lower as ObjectId) : undefined;
}

/** The offset on the wire was 2^63 or more, which upstream reads as negative. */
export const OFFSET_NEGATIVE = -1;

/** A byte range: `offset` is exact up to 2^53-1 and clamped there, or {@link OFFSET_NEGATIVE}. */
export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

interface Basic<Command extends CommandName> {
  readonly command: Command;
}
interface OfObject<Command extends CommandName> extends Basic<Command> {
  readonly id: ObjectId;
}

/**
 * What a client asks for. `hash` of a WRITE is what the client claims, not checked here. Sizes
 * and limits beyond 2^53-1 are clamped to it.
 */
export type OstCall =
  | OfObject<"set-object">
  | (Basic<"read"> & ByteRange)
  | (Basic<"write"> & {
      readonly offset: number;
      readonly payload: Uint8Array;
      readonly hash: bigint;
      readonly sync: boolean;
    })
  | (Basic<"discard"> & ByteRange & { readonly sync: boolean })
  | (OfObject<"allocate"> & { readonly sizeBytes: number })
  | OfObject<"release">
  | (Basic<"list"> & { readonly after: ObjectId; readonly limit: number })
  | OfObject<"spec">
  | Basic<"location-info">
  | Basic<"flush">;

/** A call with the client's correlation id, which the response repeats. */
export type OstRequest = OstCall & { readonly cid: number };

/**
 * `result` is a count or zero, or a negated {@link errno}. There is no length on the wire: READ,
 * LIST, SPEC and LOCATION_INFO carry exactly `result` payload bytes if it is positive, all others
 * none.
 */
export interface OstResponse {
  readonly command: CommandName;
  readonly cid: number;
  readonly result: number;
  readonly hash: bigint;
  readonly payload?: Uint8Array;
}

/** Whether a response to this command carries `result` bytes when `result` is positive. */
export function carriesPayload(command: CommandName): boolean {
  return (
    command === "read" || command === "list" || command === "spec" || command === "location-info"
  );
}

/** Why a byte stream is not this protocol. The connection ends without an answer, as upstream's. */
export type RejectReason = "bad-magic" | "unknown-command" | "frame-too-large";

/** What one chunk of bytes completed. After a reject nothing more comes out of the decoder. */
export interface Decoded<Frame> {
  readonly frames: readonly Frame[];
  readonly reject?: RejectReason;
}
