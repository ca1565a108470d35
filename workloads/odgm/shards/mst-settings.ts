// What a class says about its Mst shards, read from the generation.
import { assert } from "#api/base/index.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { CellKind } from "#workloads/core/merge/index.ts";

/** What the class says about merging and reading. */
export interface MstSettings {
  /** Kinds of declared entries; others are registers. */
  readonly kinds: ReadonlyMap<string, CellKind>;
  /** A version check counts although other replicas may have written. */
  readonly casLocal: boolean;
  /** Reads are refused if a replica was not heard for longer; undefined: any age will do. */
  readonly stalenessBoundMs: number | undefined;
}

/** Entry types that merge; all others are registers. */
const KINDS: Readonly<Record<string, CellKind>> = {
  Counter: "counter",
  Map: "map",
  CrdtMap: "document",
};

/** What of the resolved class matters here; the operator writes it, a newer one may write more. */
interface ClassPart {
  readonly consistency?: string;
  readonly stalenessBoundSeconds?: number;
  readonly keys?: readonly { readonly name: string; readonly type?: string }[];
}

/** Settings of the shards of a generation. `cas: Local` is an option of the collection. */
export function mstSettings(spec: CollectionSpec): MstSettings {
  const json = spec.resolvedClassJson === "" ? "{}" : spec.resolvedClassJson;
  const parsed: unknown = JSON.parse(json);
  assert(typeof parsed === "object" && parsed !== null, "the operator sends a class");
  const { consistency, stalenessBoundSeconds, keys } = parsed as ClassPart;
  const kinds = (keys ?? []).flatMap(({ name, type }): (readonly [string, CellKind])[] => {
    const kind = KINDS[type ?? ""];
    return kind === undefined ? [] : [[name, kind]];
  });
  const isBounded = consistency === "BoundedStaleness" && stalenessBoundSeconds !== undefined;
  return {
    kinds: new Map(kinds),
    casLocal: spec.options["cas"] === "Local",
    stalenessBoundMs: isBounded ? stalenessBoundSeconds * 1000 : undefined,
  };
}
