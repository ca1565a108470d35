// OstTarget: its identity as a kind, and what unset fields mean.

import type { KindId, Quantity } from "../../meta/index.ts";
import { RAWSTOR_GROUP } from "../../meta/index.ts";

import type { Maintenance, OstTargetSpec } from "./ost-target.ts";

/** Identity of the kind. */
export const OST_TARGET = {
  group: RAWSTOR_GROUP,
  version: "v1alpha1",
  kind: "OstTarget",
  plural: "osttargets",
  namespaced: false,
} as const satisfies KindId;

/** Labels of a Node that say where its targets stand. */
export const RACK_LABEL = "topology.rawstor.io/rack";
/** Label of a Node that names its zone. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Where the data of a target is. */
export type TargetMedium =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "device"; readonly device: string }
  | {
      readonly kind: "claim";
      readonly storageClassName: string | undefined;
      readonly size: Quantity;
    };

/** A target with its defaults filled in. */
export interface EffectiveOstTarget {
  /** Undefined if none is set, which the schema refuses. */
  readonly medium: TargetMedium | undefined;
  readonly weight: number;
  readonly maintenance: Maintenance;
  /** Undefined: all that is there when it is formatted. */
  readonly capacity: Quantity | undefined;
}

/** `spec` with its defaults. */
export function effectiveOstTarget(spec: OstTargetSpec): EffectiveOstTarget {
  return {
    medium: mediumOf(spec),
    weight: spec.weight ?? 100,
    maintenance: spec.maintenance ?? "None",
    capacity: spec.capacity,
  };
}

/** Where the target stands: its spec, else the labels of its node. */
export function effectiveTopology(
  spec: OstTargetSpec,
  nodeLabels: { readonly [label: string]: string },
): { readonly rack: string | undefined; readonly zone: string | undefined } {
  return {
    rack: spec.topology?.rack ?? nodeLabels[RACK_LABEL],
    zone: spec.topology?.zone ?? nodeLabels[ZONE_LABEL],
  };
}

function mediumOf(spec: OstTargetSpec): TargetMedium | undefined {
  if (spec.path !== undefined) return { kind: "path", path: spec.path };
  if (spec.device !== undefined) return { kind: "device", device: spec.device };
  const claim = spec.volumeClaimTemplate;
  if (claim === undefined) return undefined;
  return { kind: "claim", storageClassName: claim.storageClassName, size: claim.size };
}
