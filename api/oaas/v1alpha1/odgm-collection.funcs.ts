// OdgmCollection: its identity as a kind, and what unset fields mean.

import type { KindId } from "../../meta/index.ts";
import { OAAS_GROUP } from "../../meta/index.ts";

import { effectiveCollection } from "./collection-spec.funcs.ts";
import type { EffectiveCollection } from "./collection-spec.funcs.ts";
import { DEFAULT_FUNCTION_TIMEOUT_MS } from "./function-spec.funcs.ts";
import type { FunctionRoute, OdgmCollectionSpec } from "./odgm-collection.ts";
import type { FunctionProtocol } from "./pod-parts.ts";
import type { DeletionPolicy } from "./requirements.ts";
import { DEFAULT_DELETION_POLICY } from "./requirements.funcs.ts";

/** Identity of the kind. */
export const ODGM_COLLECTION = {
  group: OAAS_GROUP,
  version: "v1alpha1",
  kind: "OdgmCollection",
  plural: "odgmcollections",
  namespaced: true,
} as const satisfies KindId;

/** A collection with its defaults filled in. */
export interface EffectiveOdgmCollection extends EffectiveCollection {
  readonly persistent: boolean;
  readonly deletionPolicy: DeletionPolicy;
  readonly suspend: boolean;
}

/** `spec` with its defaults. */
export function effectiveOdgmCollection(spec: OdgmCollectionSpec): EffectiveOdgmCollection {
  return {
    ...effectiveCollection(spec),
    persistent: spec.resolvedClass?.persistent ?? true,
    deletionPolicy: spec.deletionPolicy ?? DEFAULT_DELETION_POLICY,
    suspend: spec.suspend ?? false,
  };
}

/** A route with its defaults filled in. */
export interface EffectiveRoute {
  readonly name: string;
  /** Undefined only if disabled. */
  readonly url: string | undefined;
  readonly protocol: FunctionProtocol;
  readonly stateless: boolean;
  readonly standby: boolean;
  readonly disabled: boolean;
  readonly timeoutMs: number;
}

/** `route` with its defaults. */
export function effectiveRoute(route: FunctionRoute): EffectiveRoute {
  return {
    name: route.name,
    url: route.url,
    protocol: route.protocol ?? "Grpc",
    stateless: route.stateless ?? false,
    standby: route.standby ?? false,
    disabled: route.disabled ?? false,
    timeoutMs: route.timeoutMs ?? DEFAULT_FUNCTION_TIMEOUT_MS,
  };
}
