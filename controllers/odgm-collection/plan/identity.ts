// The identity record of a collection: which data is its own. A store is formatted only after the
// intent was recorded, and what it answered is recorded too; so an empty or foreign store is never
// taken for the real one, whoever restarts in between.
import type { IdentityRecord, MemberRecord } from "./observed.ts";

const INTENT = "intent";
const EVACUATED = "evacuated";

/** The record as data of a ConfigMap. Keys: identity, collection, member-<ordinal>. */
export function encodeIdentity(record: IdentityRecord): Readonly<Record<string, string>> {
  const members = [...record.members].map(([ordinal, member]): [string, string] => [
    `member-${ordinal}`,
    member.kind === "formatted" ? member.incarnation : member.kind,
  ]);
  return {
    identity: record.identity,
    collection: record.collection,
    ...Object.fromEntries(members),
  };
}

/** Reads the data of a ConfigMap; says what is wrong with it otherwise. */
export function parseIdentity(
  data: Readonly<Record<string, string>> | undefined,
): IdentityRecord | { readonly malformed: string } {
  const identity = data?.["identity"];
  const collection = data?.["collection"];
  if (identity === undefined || identity === "") return { malformed: "key identity is missing" };
  if (collection === undefined) return { malformed: "key collection is missing" };
  const members = new Map<number, MemberRecord>();
  for (const [key, value] of Object.entries(data ?? {})) {
    if (key === "identity" || key === "collection") continue;
    const ordinal = /^member-(\d{1,4})$/.exec(key)?.[1];
    if (ordinal === undefined || value === "") return { malformed: `key ${key} is unknown` };
    members.set(Number(ordinal), parseMember(value));
  }
  return { identity, collection, members };
}

function parseMember(value: string): MemberRecord {
  if (value === INTENT || value === EVACUATED) return { kind: value };
  return { kind: "formatted", incarnation: value };
}
