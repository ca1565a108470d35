// The controllers of both operators for a dry-run: with ports behind which nobody is, since members
// and programs are not reachable from where a dry-run is made, and are never asked to act.

import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import type { CollectionPort, MemberView } from "#controllers/odgm-collection/port.ts";
import { odgmCollectionController } from "#controllers/odgm-collection/reconcile.ts";
import { opackageController } from "#controllers/opackage/reconcile.ts";
import type { TargetPort } from "#controllers/ost-target/port.ts";
import { ostTargetController } from "#controllers/ost-target/reconcile.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";
import type { AnyController } from "#controllers/runtime/index.ts";
import { OAAS_SYSTEM_NAMESPACE, RAWSTOR_SYSTEM_NAMESPACE } from "#api/meta/index.ts";

/** What the operators are told by flags. */
export interface PlanSettings {
  readonly odgmImage: string;
  readonly ostImage: string;
  readonly clusterUid: string;
  readonly allowedPathPrefixes: readonly string[];
}

const NOBODY = "a dry-run asks no member";

/** All controllers of the project, with these settings. */
export function allControllers(settings: PlanSettings): readonly AnyController[] {
  const { clusterUid, odgmImage, ostImage, allowedPathPrefixes } = settings;
  return [
    environmentController({ operatorVersion: "0.1.0" }),
    opackageController(),
    classRuntimeController({ systemNamespace: OAAS_SYSTEM_NAMESPACE }),
    odgmCollectionController(
      { image: odgmImage, systemNamespace: OAAS_SYSTEM_NAMESPACE },
      collectionPort(clusterUid),
    ),
    ostTargetController(
      { image: ostImage, namespace: RAWSTOR_SYSTEM_NAMESPACE, clusterUid, allowedPathPrefixes },
      targetPort(),
    ),
    rawstorVolumeController(),
  ];
}

function collectionPort(clusterUid: string): CollectionPort {
  const refuse = (): Promise<never> => Promise.reject(new Error(NOBODY));
  return {
    members: (_key, targets) => {
      const view: MemberView = { kind: "unreachable", message: NOBODY };
      return Promise.resolve(new Map(targets.map(({ ordinal }) => [ordinal, view])));
    },
    forget: () => undefined,
    trust: () => ({ clusterUid, bundle: "", issuer: "" }),
    start: () => () => undefined,
    format: refuse,
    propose: refuse,
    apply: refuse,
    adoptGeneration: refuse,
    resign: refuse,
    issueCertificate: refuse,
    restartPod: refuse,
    deleteClaim: refuse,
    setReclaimPolicy: refuse,
  };
}

function targetPort(): TargetPort {
  return {
    seen: () => ({ kind: "unreachable", message: NOBODY }),
    start: () => () => undefined,
    restarted: () => false,
    restartPod: () => Promise.reject(new Error(NOBODY)),
    turnDisk: () => Promise.reject(new Error(NOBODY)),
  };
}
