// The record of a target's disk as data of ConfigMap `<name>-identity`.
import type { TargetRecord } from "./plan.ts";

const INTENT = "intent";

/** Keys: target (uid that the superblock names), incarnation (or that formatting is intended). */
export function encodeRecord(record: TargetRecord): Readonly<Record<string, string>> {
  return { target: record.target, incarnation: record.incarnation ?? INTENT };
}

/** Reads it back; says what is wrong otherwise. */
export function parseRecord(
  data: Readonly<Record<string, string>> | undefined,
): TargetRecord | { readonly malformed: string } {
  const target = data?.["target"];
  const incarnation = data?.["incarnation"];
  if (target === undefined || incarnation === undefined || incarnation === "") {
    return { malformed: "the identity ConfigMap lacks target or incarnation" };
  }
  return incarnation === INTENT ? { target } : { target, incarnation };
}
